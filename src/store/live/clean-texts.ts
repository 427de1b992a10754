import { redact } from '../../base/secrets/secrets.ts'
import type { LiveTableName } from '../../trace/tables.ts'

/** Texts that are Layerline's own words, which analyses look for: no server sends them. */
const OUR_WORDS = new Set([
  'tracks.unit',
  'tracks.clock',
  'links.kind',
  'clocks.clock',
  'clocks.method',
  'requests.requested_unit',
])

/** A copy of a column's first rows without any secret: what a server echoes is not kept. */
export function cleanTexts(
  table: LiveTableName,
  column: string,
  texts: readonly (string | null)[],
  rows: number,
): (string | null)[] {
  if (OUR_WORDS.has(`${table}.${column}`)) return texts.slice(0, rows)
  const clean = new Array<string | null>(rows)
  for (let i = 0; i < rows; i++) {
    const text = texts[i] ?? null
    clean[i] = text === null ? null : redact(text)
  }
  return clean
}

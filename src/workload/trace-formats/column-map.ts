import { LayerlineError } from '../../base/errors.ts'
import type { ColumnMap } from './trace-format.ts'

const KEYS = ['ts', 'in', 'out', 'session', 'turn'] as const

/** `ts=Timestamp,in=Request tokens,out=…[,session=…][,turn=…]`: each key once; `ts` and `in` must be there. */
export function parseColumnMap(text: string): ColumnMap {
  const map: Partial<Record<(typeof KEYS)[number], string>> = {}
  for (const part of text.split(',')) {
    const at = part.indexOf('=')
    const key = KEYS.find((known) => known === part.slice(0, at).trim())
    const column = part.slice(at + 1).trim()
    if (at === -1 || key === undefined || column === '' || map[key] !== undefined) throw wrong(text, part)
    map[key] = column
  }
  const { ts, in: input, ...rest } = map
  if (ts === undefined || input === undefined) throw wrong(text, text)
  return { ts, in: input, ...rest }
}

function wrong(text: string, part: string): LayerlineError {
  return new LayerlineError(
    'usage/trace-map',
    `--map ${text}: ${JSON.stringify(part)}: expected ts=COLUMN,in=COLUMN and, if there, out=, session=, turn=`,
  )
}

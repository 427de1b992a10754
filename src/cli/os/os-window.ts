import { parseSeconds } from '../../base/duration-text.ts'
import { LayerlineError } from '../../base/errors.ts'

/** Every time on a CPU is a line of its own: more than this is too much. */
const MOST_S = 600

/** Reads `START+DURATION`, seconds or with units: `2+0.5`, `2s+500ms`. */
export function parseOsWindow(text: string | undefined): { fromS: number; forS: number } | undefined {
  if (text === undefined) return undefined
  const match = /^(\d[^+]*)\+(\d[^+]*)$/.exec(text.replaceAll(' ', ''))
  const window = { fromS: parseSeconds(match?.[1] ?? ''), forS: parseSeconds(match?.[2] ?? '') }
  if (match !== null && window.fromS >= 0 && window.forS > 0 && window.forS <= MOST_S) return window
  throw new LayerlineError(
    'usage/window',
    `--window ${text}: expected START+DURATION in seconds, like 2+0.5, at most ${MOST_S} s long`,
  )
}

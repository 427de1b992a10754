import { LayerlineError } from '../../base/errors.ts'

/** Every time on a CPU is a line of its own: more than this is too much. */
const MOST_S = 600

/** Reads `START+DURATION` in seconds, `2+0.5`. */
export function parseOsWindow(text: string | undefined): { fromS: number; forS: number } | undefined {
  if (text === undefined) return undefined
  const match = /^(\d+(?:\.\d+)?)\+(\d+(?:\.\d+)?)$/.exec(text.replaceAll(' ', ''))
  const window = { fromS: Number(match?.[1]), forS: Number(match?.[2]) }
  if (match !== null && window.forS > 0 && window.forS <= MOST_S) return window
  throw new LayerlineError(
    'usage/window',
    `--window ${text}: expected START+DURATION in seconds, like 2+0.5, at most ${MOST_S} s long`,
  )
}

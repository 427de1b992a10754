import type { WriteStream } from 'node:tty'
import { duration } from '../../analysis/quantity.ts'
import { printable } from '../../dashboard/text/text.ts'

/** When it is shown, s after the start; then every minute. */
const AT_S = [5, 15, 30, 60]

/**
 * Says on a terminal, seldom and in lines of its own, that a command is still recorded: the terminal is the command's, so nothing is drawn over what it writes.
 * Returns what ends it.
 */
export function saysItGoesOn(
  out: WriteStream,
  program: string,
  { quiet, live, events }: { quiet: boolean; live: boolean; events: boolean },
): () => void {
  if (quiet || live || events || !out.isTTY) return () => {}
  const startMs = performance.now()
  let timer: NodeJS.Timeout
  const next = (said: number) => {
    const atS = AT_S[said] ?? (AT_S.at(-1) as number) + 60 * (said - AT_S.length + 1)
    timer = setTimeout(
      () => {
        out.write(`layerline: recording ${printable(program)} for ${duration(atS * 1e3)}\n`)
        next(said + 1)
      },
      startMs + atS * 1000 - performance.now(),
    )
    timer.unref()
  }
  next(0)
  return () => clearTimeout(timer)
}

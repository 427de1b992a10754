import type { WriteStream } from 'node:tty'
import { progressLine } from './progress-line.ts'

/** What takes less goes without a line. */
const SILENT_MS = 1000

/** Does `work`, and says on a terminal what takes so long and for how long already, where it is not over at once. */
export async function busy<T>(out: WriteStream, quiet: boolean, what: string, work: () => Promise<T>): Promise<T> {
  const line = progressLine(out, quiet)
  const timer = setTimeout(() => line.show(what, null), SILENT_MS)
  timer.unref()
  try {
    return await work()
  } finally {
    clearTimeout(timer)
    line.clear()
  }
}

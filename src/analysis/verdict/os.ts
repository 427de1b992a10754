import { CERTIFY_GAP } from '../../trace/certify.ts'
import type { VerdictLine } from '../../trace/run-json.ts'
import { duration, percent } from '../quantity.ts'
import type { Figures } from '../report.ts'
import type { Rule } from './rule.ts'

/** A thread that waited for a CPU this share of its time was held up by others, not by its work. */
export const WAITING_SHARE = 0.2
/** The shares of threads that hardly ran mean nothing. */
const BUSY_S = 0.1

/** What is missing of the kernel's view, and what it shows of a server that was short of CPUs. */
export function osLines(figures: Figures): VerdictLine[] {
  const { os } = figures
  if (os === null) return []
  const lines: VerdictLine[] = os.gaps.map(({ why, s }) => ({
    level: why === CERTIFY_GAP ? 'note' : 'warn',
    what: 'os_gap',
    text: `The kernel's view is missing or inexact for ${duration(s * 1e3)}: ${why}`,
  }))
  const waited = waitingThread(figures)
  return waited === null ? lines : [...lines, waited]
}

/** A thread of the target that waited for a CPU of this machine, which is the client's: of a run with requests it speaks against the client's room too. */
export const waitingThread: Rule = ({ os, offered }) => {
  const worst = os?.threads
    .filter(({ on_cpu_s }) => on_cpu_s >= BUSY_S)
    .sort((a, b) => b.waiting_share - a.waiting_share)[0]
  if (worst === undefined || worst.waiting_share < WAITING_SHARE) return null
  const text = `Thread ${worst.thread} of ${worst.process} was ready and without a CPU for ${percent(worst.waiting_share)} of its time: others took the CPUs`
  return { level: offered.requests === 0 ? 'note' : 'warn', what: 'os_run_queue', text }
}

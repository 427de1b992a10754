import { CERTIFY_GAP } from '../../trace/certify.ts'
import type { VerdictLine } from '../../trace/run-json.ts'
import { duration, percent } from '../quantity.ts'
import type { Figures } from '../report.ts'

/** A thread that waited for a CPU this share of its time was held up by others, not by its work. */
export const WAITING_SHARE = 0.2
/** Threads that hardly ran say nothing by their shares. */
const BUSY_S = 0.1

/** What is missing of the kernel's view, and what it shows of a server that was short of CPUs. */
export function osLines({ os }: Figures): VerdictLine[] {
  if (os === null) return []
  const lines: VerdictLine[] = os.gaps.map(({ why, s }) => ({
    level: why === CERTIFY_GAP ? 'note' : 'warn',
    what: 'os_gap',
    text: `The kernel's view is missing or inexact for ${duration(s * 1e3)}: ${why}`,
  }))
  const worst = os.threads
    .filter(({ on_cpu_s }) => on_cpu_s >= BUSY_S)
    .sort((a, b) => b.waiting_share - a.waiting_share)[0]
  if (worst !== undefined && worst.waiting_share >= WAITING_SHARE) {
    const text = `Thread ${worst.thread} of ${worst.process} was ready and without a CPU for ${percent(worst.waiting_share)} of its time: others took the CPUs`
    lines.push({ level: 'note', what: 'os_run_queue', text })
  }
  return lines
}

import { join } from 'node:path'
import { namesOrNone, readOrNull } from '../../host/proc/cgroup.ts'

/**
 * How often the kernel did not call a probe of this bpftrace because another one was running on that CPU: a fault
 * within a context switch, say. Linux counts them for each program (`recursion_misses`, since 5.12) and shows which
 * process holds it open; null if it does not.
 */
export function missedCalls(pid: number, proc = '/proc'): number | null {
  let missed: number | null = null
  const folder = join(proc, String(pid), 'fdinfo')
  for (const fd of namesOrNone(folder)) {
    const count = /^recursion_misses:\s*(\d+)$/m.exec(readOrNull(join(folder, fd)) ?? '')?.[1]
    if (count !== undefined) missed = (missed ?? 0) + Number(count)
  }
  return missed
}

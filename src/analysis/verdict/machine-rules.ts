import { bytes, percent } from '../quantity.ts'
import { type Limits, levelOf, type Rule, shareOfSpan, tracksNamed, worst } from './rule.ts'

/** When all CPUs of a machine are this busy, every process on it waits for one. */
export const MACHINE_BUSY = 0.9
/** Time a hypervisor kept from this machine, or a cgroup from its processes: it shows in every tail. */
export const TAKEN_SHARE: Limits = { warn: 0.01, bad: 0.05 }
/** Time a thread of the client was ready and waited for a CPU. */
export const RUN_QUEUE_SHARE: Limits = { warn: 0.05, bad: 0.25 }
/** A machine with less available memory than this starts to reclaim and to swap. */
export const MEMORY_LEFT_SHARE = 0.05

export const stolenTime: Rule = (figures) => {
  const share = worst(
    tracksNamed(figures, 'host', 'cpu_steal_ratio').filter((track) => track.device === null),
    'mean',
  )
  const level = share === null ? null : levelOf(share, TAKEN_SHARE)
  if (share === null || level === null) return null
  return { level, what: 'steal', text: `The hypervisor took ${percent(share)} of this machine's CPU time` }
}

export const throttledTime: Rule = (figures) => {
  const share = shareOfSpan(figures, tracksNamed(figures, 'host', 'cgroup_throttled_ns'))
  const level = share === null ? null : levelOf(share, TAKEN_SHARE)
  if (share === null || level === null) return null
  return {
    level,
    what: 'throttled',
    text: `The cgroup's CPU limit held its processes up for ${percent(share)} of the time`,
  }
}

export const runQueue: Rule = (figures) => {
  const share = shareOfSpan(figures, tracksNamed(figures, 'host', 'run_queue_wait_ns', 'client'))
  const level = share === null ? null : levelOf(share, RUN_QUEUE_SHARE)
  if (share === null || level === null) return null
  return { level, what: 'run_queue', text: `The client waited for a CPU for ${percent(share)} of the time` }
}

export const memoryLeft: Rule = (figures) => {
  const [host] = figures.run.hosts
  const tracks = tracksNamed(figures, 'host', 'memory_available_bytes')
  if (host === undefined || tracks.length === 0) return null
  const left = Math.min(...tracks.map((track) => track.min))
  if (left >= MEMORY_LEFT_SHARE * host.memory_bytes) return null
  return {
    level: 'warn',
    what: 'memory',
    text: `The machine was nearly out of memory: ${bytes(left)} left at the lowest`,
  }
}

export const swapping: Rule = (figures) => {
  const moved = ['swap_in_bytes', 'swap_out_bytes'].reduce(
    (sum, name) => sum + (worst(tracksNamed(figures, 'host', name), 'sum') ?? 0),
    0,
  )
  return moved === 0
    ? null
    : { level: 'warn', what: 'swap', text: `The machine swapped ${bytes(moved)} during the run` }
}

/** Where the server shares the machine, the line about that says it. */
export const busyMachine: Rule = (figures) => {
  const busy = worst(
    tracksNamed(figures, 'host', 'cpu_busy_ratio').filter((track) => track.device === null),
    'p90',
  )
  if (busy === null || busy < MACHINE_BUSY || figures.run.same_host === true) return null
  return { level: 'warn', what: 'cpu', text: `The client's machine was ${percent(busy)} busy: its stamps may be late` }
}

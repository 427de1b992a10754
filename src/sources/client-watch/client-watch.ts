import { hostname } from 'node:os'
import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks'
import type { ClockBase } from '../../base/time.ts'
import { createRunClock } from '../../base/time.ts'
import { codeOf } from '../../trace/columns.ts'
import type { RowWriter } from '../../trace/row-writer.ts'
import { type counters, LAYERS, type tracks } from '../../trace/tables.ts'

const WINDOW_MS = 1000
/**
 * The monitor samples the loop this often; a measured delay counts from one sample to the next, this period included.
 */
const RESOLUTION_MS = 10
/** Two windows share this much: a stall there shows in both rather than in none. */
const OVERLAP_MS = 50
/**
 * Of a last window shorter than this only the pauses are reported: its percentiles cannot be compared with those of
 * whole windows.
 */
const SHORTEST_LAST_NS = (WINDOW_MS / 2) * 1e6
/** The minimum length of a window that is the only one. */
const SHORTEST_ONLY_NS = 50e6

export interface ClientWatchOptions {
  clock: ClockBase
  /** Gives fresh track ids of the run. */
  trackIds: () => number
}

interface CounterSinks {
  tracks: RowWriter<typeof tracks>
  counters: RowWriter<typeof counters>
}

/** Present if Node has it: CPU time of the calling thread, µs. */
type ThreadCpuUsage = () => { user: number; system: number }

/**
 * Watches the thread it is called in, which is to be the client's: delay and utilization of its event loop, pauses of
 * the garbage collector, CPU time of the process and (where Node can tell) of the thread, for each window of 1 s.
 */
export function startClientWatch(options: ClientWatchOptions, sinks: CounterSinks): { stop(): void } {
  const clock = createRunClock(options.clock)
  const track = (name: string, unit: string, source: string): number => {
    const id = options.trackIds()
    sinks.tracks.append({
      track_id: id,
      layer: codeOf(LAYERS, 'client'),
      host: hostname(),
      process: `${process.pid} node`,
      name,
      unit,
      clock: 'run',
      attrs: JSON.stringify({ role: 'client', source, window_ms: WINDOW_MS }),
    })
    return id
  }
  const threadCpu = 'threadCpuUsage' in process ? (process.threadCpuUsage as ThreadCpuUsage).bind(process) : null
  const delaySource = `perf_hooks.monitorEventLoopDelay beyond its ${RESOLUTION_MS} ms`
  const ids = {
    p50: track('event_loop_delay_p50_ns', 'ns', delaySource),
    p99: track('event_loop_delay_p99_ns', 'ns', delaySource),
    max: track('event_loop_delay_max_ns', 'ns', delaySource),
    utilization: track('event_loop_utilization_ratio', 'ratio', 'performance.eventLoopUtilization'),
    gc: track('gc_pause_ns', 'ns', 'PerformanceObserver gc, sum of the window'),
    cores: track('cpu_cores', 'cores', 'process.cpuUsage, all threads'),
    thread: threadCpu === null ? null : track('thread_cpu_cores', 'cores', 'process.threadCpuUsage'),
  }

  let gcMs = 0
  const countPauses = (entries: { duration: number }[]): void => {
    for (const entry of entries) gcMs += entry.duration
  }
  const observer = new PerformanceObserver((list) => countPauses(list.getEntries()))
  observer.observe({ entryTypes: ['gc'] })
  // A monitor misses what happens between its reset and its next tick, so two take turns, with an overlap.
  let delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  let nextDelays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  nextDelays.enable()

  let before = {
    tNs: clock.now(),
    loop: performance.eventLoopUtilization(),
    cpu: cpuUs(process.cpuUsage()),
    thread: threadUs(),
  }
  function threadUs(): number {
    return threadCpu === null ? 0 : cpuUs(threadCpu())
  }

  let windows = 0
  function closeWindow(): void {
    const now = {
      tNs: clock.now(),
      loop: performance.eventLoopUtilization(),
      cpu: cpuUs(process.cpuUsage()),
      thread: threadUs(),
    }
    const windowNs = now.tNs - before.tNs
    const add = (id: number, value: number | null): void => {
      sinks.counters.append({ track_id: id, t_ns: now.tNs, value })
    }
    countPauses(observer.takeRecords())
    add(ids.gc, gcMs * 1e6)
    gcMs = 0
    // Pauses are summed over a run; a share or a percentile of so short a window would be noise.
    if (windowNs < (windows === 0 ? SHORTEST_ONLY_NS : SHORTEST_LAST_NS)) return
    windows++
    const late = (percentileNs: number): number | null => (delays.count === 0 ? null : beyondResolution(percentileNs))
    add(ids.p50, late(delays.percentile(50)))
    add(ids.p99, late(delays.percentile(99)))
    add(ids.max, late(delays.max))
    add(ids.utilization, performance.eventLoopUtilization(now.loop, before.loop).utilization)
    add(ids.cores, ((now.cpu - before.cpu) * 1000) / windowNs)
    if (ids.thread !== null) add(ids.thread, ((now.thread - before.thread) * 1000) / windowNs)
    ;[delays, nextDelays] = [nextDelays, delays]
    before = now
  }

  let overlap: NodeJS.Timeout | undefined
  const startOverlap = (): void => {
    overlap = setTimeout(() => nextDelays.reset(), WINDOW_MS - OVERLAP_MS)
    overlap.unref()
  }
  const timer = setInterval(() => {
    closeWindow()
    clearTimeout(overlap)
    startOverlap()
  }, WINDOW_MS)
  timer.unref()
  startOverlap()
  return {
    stop() {
      clearInterval(timer)
      clearTimeout(overlap)
      closeWindow()
      delays.disable()
      nextDelays.disable()
      observer.disconnect()
    },
  }
}

/**
 * How much later than requested the loop came back, ns. The histogram holds whole gaps, so an idle loop shows its
 * period.
 */
export function beyondResolution(gapNs: number): number {
  return Math.max(0, gapNs - RESOLUTION_MS * 1e6)
}

function cpuUs(usage: { user: number; system: number }): number {
  return usage.user + usage.system
}

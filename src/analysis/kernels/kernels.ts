import { htaEvents, type KernelSource } from '../../derived/hta/hta-events.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { DEVICE_WORK_SQL } from '../../trace/device-work.ts'
import { countOf, numberOf, oneRow } from '../rows.ts'
import { type CriticalPath, criticalPaths } from './hta/critical-path.ts'
import { type IdleBreakdown, idleBreakdown } from './hta/idle-breakdown.ts'
import {
  communicationOverlap,
  type KernelBreakdown,
  type KernelTime,
  kernelBreakdown,
  kernelTimes,
  type Overlap,
} from './hta/kernel-breakdown.ts'
import { type KernelSequence, kernelSequences } from './hta/kernel-sequences.ts'
import { type LaunchDelays, type Launches, launchStatistics } from './hta/launches.ts'
import { type MemoryBandwidth, memoryBandwidth, type QueueLength, queueLength } from './hta/queue-length.ts'
import { type Straggler, stragglers } from './hta/stragglers.ts'
import { type TemporalBreakdown, temporalBreakdown } from './hta/temporal-breakdown.ts'
import { type HtaWarning, htaWarnings } from './hta/warnings.ts'
import { kernelTracks, tracksValues } from './kernel-tracks.ts'
import { type LateRank, lateRanks, type SlowStep, slowSteps } from './late-steps.ts'
import { type OperatorTime, operatorTimes } from './operators.ts'
import { profiledSteps, type StepFigures, type StepKernel, stepKernels } from './steps.ts'

/** What a run's operators and kernels tell. */
export interface Kernels {
  /** `cpu_op`: nothing ran on a GPU, and operators, by their own time, stand in for kernels. */
  source: KernelSource
  kernels: number
  /** Something ran on a device, all of its streams together; devices are added up. */
  busy_ms: number
  steps: StepFigures[]
  step_kernels: StepKernel[]
  /** By their own time on the host; empty where no operators were recorded. */
  operators: OperatorTime[]
  /** Who ends steps last, first; empty for one rank. */
  late_ranks: LateRank[]
  /** Slowest first. */
  slow_steps: SlowStep[]
  /** Kernels that began before the call that launched them: the clocks of host and GPU differ by that much at least. */
  clock_skew: { launches: number; negative: number; worst_us: number | null } | null
}

/** The same by HTA's rules, and the rest that HTA tells. */
export interface HtaKernels extends Kernels {
  rules: 'hta'
  /** What makes figures below mean less than their names say. */
  warnings: HtaWarning[]
  temporal_breakdown: TemporalBreakdown[]
  overlap: Overlap[]
  launches: Launches[]
  launch_delays: LaunchDelays[]
  kernel_breakdown: KernelBreakdown[]
  kernel_times: KernelTime[]
  idle_breakdown: IdleBreakdown[]
  queue_length: QueueLength[]
  memory_bandwidth: MemoryBandwidth[]
  critical_path: CriticalPath[]
  stragglers: Straggler[]
  kernel_sequences: KernelSequence[]
}

const SHOWN = 10

/** Null where the run has no operators or kernels. `annotation`: text in the names of the events whose critical path is wanted. */
export async function kernelFigures(
  reader: RunReader,
  rules: 'hta' | undefined,
  annotation?: string,
): Promise<Kernels | HtaKernels | null> {
  const work = await oneRow(
    reader,
    `SELECT count(*) FILTER (stream IS NOT NULL AND category IN ${DEVICE_WORK_SQL}) AS kernels, count(*) FILTER (category = 'cpu_op') AS ops,
      (SELECT sum(greatest(end_ns - greatest(t_ns, before_ns), 0)) FROM (
        SELECT s.t_ns, s.t_ns + s.dur_ns AS end_ns, coalesce(max(s.t_ns + s.dur_ns) OVER (PARTITION BY t.host, t.process, t.device, CASE WHEN json_valid(t.attrs) THEN t.attrs->>'source' END
          ORDER BY s.t_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), s.t_ns) AS before_ns
        FROM slices s JOIN tracks t USING (track_id) WHERE s.stream IS NOT NULL AND s.category IN ${DEVICE_WORK_SQL})) AS busy FROM slices`,
  )
  const [kernels, operators] = [countOf(work, 'kernels'), countOf(work, 'ops')]
  if (kernels + operators === 0) return null
  const source = kernels > 0 ? 'kernels' : 'cpu_op'
  const figures: Kernels = {
    source,
    kernels,
    busy_ms: countOf(work, 'busy') / 1e6,
    steps: await profiledSteps(reader, source),
    step_kernels: await stepKernels(reader, source, SHOWN),
    operators: operators > 0 ? await operatorTimes(reader, SHOWN) : [],
    late_ranks: await lateRanks(reader),
    slow_steps: await slowSteps(reader, SHOWN),
    clock_skew: source === 'kernels' ? await clockSkew(reader) : null,
  }
  if (rules === undefined) return figures
  const tracks = await kernelTracks(reader)
  if (tracks.length === 0) return figures
  const events = htaEvents(tracksValues(tracks), source)
  const { launches, delays } = await launchStatistics(reader, events)
  const temporal = await temporalBreakdown(reader, events)
  const paths = await criticalPaths(reader, events, annotation)
  return {
    ...figures,
    rules,
    warnings: await htaWarnings(reader, events, annotation, { temporal, paths }),
    temporal_breakdown: temporal,
    overlap: await communicationOverlap(reader, events),
    launches,
    launch_delays: delays,
    kernel_breakdown: await kernelBreakdown(reader, events),
    kernel_times: await kernelTimes(reader, events, source, SHOWN),
    idle_breakdown: await idleBreakdown(reader, events),
    queue_length: await queueLength(reader, events),
    memory_bandwidth: await memoryBandwidth(reader, events),
    critical_path: paths,
    stragglers: source === 'kernels' ? await stragglers(reader, events) : [],
    kernel_sequences: source === 'kernels' ? await kernelSequences(reader, events, SHOWN) : [],
  }
}

async function clockSkew(reader: RunReader): Promise<Kernels['clock_skew']> {
  const row = await oneRow(
    reader,
    `SELECT count(*) AS n, count(*) FILTER (k.t_ns < c.t_ns) AS negative, min(k.t_ns - c.t_ns) AS worst
     FROM links l JOIN slices c ON c.slice_id = l.src_id JOIN slices k ON k.slice_id = l.dst_id WHERE l.kind = 'launch'`,
  )
  const negative = countOf(row, 'negative')
  return { launches: countOf(row, 'n'), negative, worst_us: negative > 0 ? (numberOf(row, 'worst') ?? 0) / 1e3 : null }
}

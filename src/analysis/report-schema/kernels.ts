import { z } from 'zod'
import {
  criticalPath,
  htaWarning,
  idleBreakdown,
  kernelBreakdown,
  kernelSequence,
  kernelTime,
  launchDelays,
  launches,
  memoryBandwidth,
  overlap,
  queueLength,
  straggler,
  temporalBreakdown,
} from './hta.ts'
import { kernelSource } from './trace.ts'

const kindOfStep = z.enum(['empty', 'prefill', 'decode', 'mixed'])

export const kernelStepFigures = z.object({
  kind: kindOfStep,
  steps: z.number(),
  prefill_tokens: z.number(),
  decode_tokens: z.number(),
  total_ms: z.number(),
  median_ms: z.number().nullable(),
  max_ms: z.number().nullable(),
  ms_per_token: z.number().nullable(),
  kernels_per_step: z.number().nullable(),
  launches_per_step: z
    .number()
    .nullable()
    .describe("Calls that launched them: one for all kernels of a CUDA graph's replay."),
  graph_kernels: z.number().describe('Kernels that share a launch with others: replays of a CUDA graph.'),
  before_launch: z
    .number()
    .describe(
      'Kernels that begin before the call that launched them: the clocks differ, and the gaps before them may not be true.',
    ),
  busy_share: z.number().nullable(),
  gap_share: z.number().nullable(),
  launch_bound_share: z
    .number()
    .nullable()
    .describe(
      'Of the span: gaps that end with a kernel whose launch began after the kernel before it had ended. Null without launches.',
    ),
})

export const stepKernel = z.object({
  kind: kindOfStep,
  name: z.string(),
  count: z.number(),
  total_ms: z.number(),
  us_per_token: z.number().nullable(),
})

export const operatorTime = z.object({
  name: z.string(),
  count: z.number(),
  self_ms: z
    .number()
    .describe(
      "Its own time, on the host: less the operators, annotations and runtime calls inside it. PyTorch's `self_cpu_time_total`.",
    ),
  total_ms: z
    .number()
    .describe(
      "With all that ran inside it: nested calls of one name count more than once, as in PyTorch's `cpu_time_total`.",
    ),
  share: z.number().describe("Of all operators' own time."),
})

export const lateRank = z.object({
  rank: z.number(),
  steps: z.number().describe('Steps that every rank has.'),
  last: z.number().describe('Of them: those that it ended last.'),
  median_late_us: z.number().nullable().describe('How long after the first rank it ended, us.'),
  max_late_us: z.number().nullable(),
})

export const slowStep = z.object({
  step_id: z.number(),
  kind: z.string(),
  tokens: z.number(),
  t_ms: z.number(),
  dur_ms: z.number(),
  times_median: z.number().describe('Its duration by the median of those.'),
})

export const kernels = z.object({
  source: kernelSource.describe(
    '`cpu_op`: nothing ran on a GPU, and operators, by their own time, stand in for kernels.',
  ),
  kernels: z.number(),
  busy_ms: z.number().describe('Something ran on a device, all of its streams together; devices are added up.'),
  steps: z.array(kernelStepFigures),
  step_kernels: z.array(stepKernel),
  operators: z.array(operatorTime).describe('By their own time on the host; empty where no operators were recorded.'),
  late_ranks: z.array(lateRank).describe('Who ends steps last, first; empty for one rank.'),
  slow_steps: z.array(slowStep).describe('Slowest first.'),
  clock_skew: z
    .object({
      launches: z.number(),
      negative: z.number(),
      worst_us: z.number().nullable(),
    })
    .nullable()
    .describe(
      'Kernels that began before the call that launched them: the clocks of host and GPU differ by that much at least.',
    ),
})

export const htaKernels = z.object({
  rules: z.literal('hta'),
  warnings: z.array(htaWarning).describe('What makes figures below mean less than their names say.'),
  temporal_breakdown: z.array(temporalBreakdown),
  overlap: z.array(overlap),
  launches: z.array(launches),
  launch_delays: z.array(launchDelays),
  kernel_breakdown: z.array(kernelBreakdown),
  kernel_times: z.array(kernelTime),
  idle_breakdown: z.array(idleBreakdown),
  queue_length: z.array(queueLength),
  memory_bandwidth: z.array(memoryBandwidth),
  critical_path: z.array(criticalPath),
  stragglers: z.array(straggler),
  kernel_sequences: z.array(kernelSequence),
  ...kernels.shape,
})

export const opTop = z.object({
  op: z.string(),
  shapes: z.number(),
  count: z.number().nullable(),
  self_cpu_ms: z.number().nullable(),
  device_ms: z.number().nullable().describe('With the operators that it calls.'),
  self_device_ms: z.number().nullable().describe('Without them.'),
  kernels: z.number().describe('Names of the kernels that it launched.'),
})

export const opSource = z.object({
  source: z.string(),
  model: z.string().nullable(),
  framework: z.string().nullable(),
  mode: z.string().nullable(),
  tracer: z.string().nullable(),
  counted: z.enum(['calls', 'graph_nodes']).describe('What the counts are of.'),
  ops: z.number(),
  shapes: z.number().describe('Operators by their inputs.'),
  count: z.number().nullable(),
  self_cpu_ms: z.number().nullable(),
  device_ms: z
    .number()
    .nullable()
    .describe(
      'Of all kernels: each counted under the one operator that launched it. Null where the source adds inner operators to their callers only.',
    ),
  kernels: z.number(),
  top: z.array(opTop),
})

import { z } from 'zod'

export const htaWarning = z.object({
  code: z.enum(['idle/negative', 'temporal/negative', 'annotation/none', 'path/cycle']),
  rank: z.number().nullable(),
  stream: z.number().nullable(),
  count: z.number().describe('Gaps, breakdowns or paths that it is about.'),
  us: z.number().nullable().describe("Time that HTA's figure counts wrongly; null where it is not about time."),
})

export const temporalBreakdown = z.object({
  rank: z.number(),
  idle_us: z.number(),
  compute_us: z.number(),
  non_compute_us: z.number(),
  total_us: z.number(),
})

export const overlap = z.object({
  rank: z.number(),
  overlap_pct: z.number().nullable().describe('Null where nothing communicated.'),
})

export const launches = z.object({
  rank: z.number(),
  count: z.number(),
})

export const launchDelays = z.object({
  rank: z.number(),
  mean_cpu_us: z.number().nullable(),
  mean_gpu_us: z.number().nullable(),
  mean_delay_us: z.number().nullable(),
  median_delay_us: z.number().nullable(),
  negative: z
    .number()
    .describe(
      'Kernels that began before their launch had ended: HTA counts them as no delay; they are counted here, too.',
    ),
  before_launch: z
    .number()
    .describe('Kernels that began before their launch began: the clocks of the host and of the GPU do not agree.'),
  worst_us: z.number().nullable(),
})

export const kernelBreakdown = z.object({
  kernel_type: z
    .string()
    .describe('One class, or several that ran at the same time: `COMPUTATION overlapping COMMUNICATION`.'),
  sum_us: z.number(),
  percentage: z.number(),
})

export const kernelTime = z.object({
  rank: z.number(),
  kernel_type: z.string(),
  name: z.string(),
  count: z.number(),
  sum_us: z.number(),
  mean_us: z.number(),
  min_us: z.number(),
  max_us: z.number(),
  stddev_us: z.number().describe('Of the sample; 0 for one kernel.'),
})

export const idleBreakdown = z.object({
  rank: z.number(),
  stream: z.number(),
  idle_category: z.enum(['other', 'host_wait', 'kernel_wait']),
  idle_us: z.number(),
  idle_ratio: z.number().nullable().describe("Of the stream's idle time; null where it was never idle."),
})

/** As `describe()` of pandas gives it, which HTA prints. */
const description = z.object({
  count: z.number(),
  mean: z.number().nullable(),
  std: z.number().nullable(),
  min: z.number().nullable(),
  p25: z.number().nullable(),
  p50: z.number().nullable(),
  p75: z.number().nullable(),
  max: z.number().nullable(),
})

export const queueLength = z.object({
  rank: z.number(),
  stream: z.number(),
  ...description.shape,
})

export const memoryBandwidth = z.object({
  rank: z.number(),
  name: z.string().describe('`Memcpy HtoD` and the like; its figures are GB/s.'),
  ...description.shape,
})

export const criticalPath = z.object({
  rank: z.number(),
  instance: z.number().describe('Number of the step among those with the annotation, from 0.'),
  name: z.string().describe("The step's annotation."),
  duration_us: z
    .number()
    .nullable()
    .describe("The longest path's weight; null where the events contradict each other, so that there is none."),
})

export const straggler = z.object({
  rank: z.number(),
  times: z
    .number()
    .describe('ProfilerSteps in which it is one of the two that began their last big communication latest.'),
  steps: z.number().describe('ProfilerSteps that were looked at.'),
})

export const kernelSequence = z.object({
  rank: z.number(),
  pattern: z
    .string()
    .describe(
      'An outermost operator and the kernels that it launched, in the order of their starts, separated by `|`.',
    ),
  count: z.number(),
  gpu_us: z.number(),
  cpu_us: z.number().describe('Of the operators.'),
})

import { z } from 'zod'

export const gaugeFigures = z
  .object({
    mean: z.number(),
    max: z.number(),
  })
  .nullable()

export const engineSeriesFigures = z.object({
  name: z.string(),
  process: z.string().nullable().describe('`engine 0`, `dp 2, tp 2`.'),
  device: z.string().nullable().describe('Labels that tell it apart beside its ranks.'),
  unit: z.string().nullable(),
  kind: z.enum(['gauge', 'total']),
  n: z.number().describe('Samples with a value.'),
  mean: z.number().nullable().describe('Of a gauge, over the measured span.'),
  max: z.number().nullable(),
  added: z.number().nullable().describe('Of a total, over the whole run, counted on from zero where it restarted.'),
  restarts: z.number().nullable(),
})

export const engineFigures = z.object({
  pages: z.number().describe('Pages that gave a figure.'),
  running: gaugeFigures.describe('Requests in the engine, and in its queue.'),
  waiting: gaugeFigures,
  kv_cache: gaugeFigures.describe('Share of the KV cache in use: the mean over replicas, and the most of any.'),
  prompt_tokens: z.number().nullable(),
  cached_prompt_tokens: z.number().nullable(),
  generation_tokens: z.number().nullable(),
  prefix_hit_ratio: z
    .number()
    .nullable()
    .describe('Prefix cache hits over queries, in tokens; of a server that reports only the ratio, its mean.'),
  preemptions: z.number().nullable(),
  finished_requests: z.number().nullable(),
  queue_mean_ms: z.number().nullable().describe("Means by the server's own histograms: sum added over count added."),
  ttft_mean_ms: z.number().nullable(),
  itl_mean_ms: z.number().nullable(),
  e2e_mean_ms: z.number().nullable(),
  restarts: z
    .number()
    .describe(
      'Pages on which a total was below the page before: the server restarted, or several answer at one address.',
    ),
  series: z.array(engineSeriesFigures),
  more_series: z.number().describe('Series beyond those listed.'),
})

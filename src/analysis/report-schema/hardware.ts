import { z } from 'zod'

export const sensorFigures = z.object({
  layer: z.enum(['gpu', 'host']),
  host: z.string().nullable(),
  device: z.string().nullable(),
  process: z.string().nullable(),
  name: z.string(),
  field: z.string().nullable(),
  period_ms: z.number().describe('Median time between samples.'),
  update_ms: z
    .number()
    .nullable()
    .describe('How often its value is new; null: each sample may be, or too few changes were seen.'),
  window_ms: z
    .number()
    .nullable()
    .describe('A value is a mean over this; null: over the time since the sample before.'),
  resolution_ms: z.number(),
})

export const stageValue = z
  .object({
    weight: z.number().describe("Samples' worth of it: the sum of its weights."),
    mean: z.number().describe('Mean over the samples, weighted.'),
    min: z.number().nullable().describe('Over samples whose window was mostly this; null where none was.'),
    max: z.number().nullable(),
    purity: z
      .number()
      .describe(
        'How much of the windows behind `mean` was this: 1 where they held nothing else; under 0.5 the mean is mostly of other things.',
      ),
  })
  .nullable()

export const stageTrack = z.object({
  layer: z.enum(['gpu', 'host']),
  host: z.string().nullable(),
  device: z.string().nullable(),
  process: z.string().nullable(),
  role: z.string().nullable(),
  name: z.string(),
  unit: z.string().nullable(),
  samples: z.number().describe('Samples without repeats, repeats, and samples in which the source had no value.'),
  repeats: z.number(),
  missing: z.number(),
  by_stage: z.object({
    prefill: stageValue,
    decode: stageValue,
    other: stageValue,
    idle: stageValue,
  }),
})

export const estimate = z.object({
  value: z.number(),
  low: z.number(),
  high: z.number(),
})

export const stageEnergy = z.object({
  seconds: z
    .number()
    .describe('Time of the stage within the measured span, s; a moment shared by several requests counts once.'),
  energy_j: estimate.describe('Where power is known. Sums over the stages to the whole.'),
  above_idle_j: estimate
    .nullable()
    .describe('Energy less what the devices take when idle for as long; null where no idle power was seen.'),
  mean_w: z.number().nullable(),
  resolved: z.boolean().describe('Long enough for its sensor, and the interval not wider than the figure.'),
})

export const perRequestEnergy = z.object({
  requests: z.number().describe('Answered requests, and those over whose whole time power is known.'),
  covered: z.number(),
  resolved: z.number().describe('Those whose prompt, over all its passes, took ten resolutions of the sensor or more.'),
  mean_j: estimate
    .nullable()
    .describe('Over those, and the least and most of their prompts; null where there is none.'),
  min_j: z.number().nullable(),
  max_j: z.number().nullable(),
  repeat_needed: z.number().nullable().describe('`--repeat` from which every prompt would be; null where all are.'),
})

export const tokenEnergy = z.object({
  prefill_j_per_token: estimate
    .nullable()
    .describe(
      'Prefill over tokens that were not cached, decode over tokens after the first. Null: too short for the sensor, or tokens not known.',
    ),
  decode_j_per_token: estimate.nullable(),
  j_per_output_token: estimate
    .nullable()
    .describe('Energy of the answered requests over their output tokens, and the other way about.'),
  output_tokens_per_j: estimate.nullable(),
  j_per_output_token_with_idle: z
    .number()
    .nullable()
    .describe("The whole span's energy, idle time and failed requests too, over the same tokens."),
})

export const sizeEnergy = z.object({
  size: z.number().nullable(),
  requests: z.number(),
  j_per_request: estimate.nullable().describe('Null where their time together is too short for the sensor.'),
  j_per_output_token: z.number().nullable(),
})

export const requestEnergy = z.object({
  request_id: z.number(),
  prompt_id: z.string().nullable(),
  energy_j: estimate,
  prefill_j: z.number().nullable(),
  decode_j: z.number().nullable(),
  modelled: z.boolean().describe('Others were in flight beside it: its part of the energy is modelled, not measured.'),
})

export const energy = z.object({
  scope: z.enum(['gpu', 'host']),
  sources: z
    .array(
      z.object({
        host: z.string().nullable(),
        device: z.string().nullable(),
        name: z.string(),
        kind: z.enum(['gauge', 'delta', 'counter']),
      }),
    )
    .describe('Tracks it was taken from: name, device, how.'),
  resolution_ms: z
    .number()
    .describe('Nothing shorter than this can be distinguished, ms; what takes less than ten of them is refused.'),
  covered_share: z.number().describe('Share of the measured span in which power is known.'),
  whole_j: estimate,
  idle_w: estimate
    .nullable()
    .describe(
      "Power with nothing in flight, all devices together, from stretches of the whole run, pre- and post-roll too, that no request reaches; null where they are shorter than the sensor's window.",
    ),
  idle_seconds: z.number(),
  stages: z.object({
    prefill: stageEnergy,
    decode: stageEnergy,
    other: stageEnergy,
    idle: stageEnergy,
  }),
  modelled_share: z
    .number()
    .nullable()
    .describe(
      "Share of the requests' energy that was taken while several were in flight: split evenly among them, hence modelled.",
    ),
  per_request: perRequestEnergy,
  tokens: tokenEnergy,
  by_size: z.array(sizeEnergy),
  requests: z.array(requestEnergy),
})

export const hardware = z.object({
  sensors: z.array(sensorFigures),
  by_stage: z.array(stageTrack),
  energy: z.array(energy).describe("GPUs together, and the hosts' processors together; neither where nothing tells."),
  gpu_covered_share: z
    .number()
    .nullable()
    .describe('Share of the measured span in which GPUs were sampled, the least of them; null without a GPU.'),
  gpus_silent: z.array(z.string()).describe('GPUs with tracks none of whose samples has a value.'),
})

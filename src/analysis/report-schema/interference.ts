import { z } from 'zod'
import { stepsFrom } from './trace.ts'

export const stepEnergy = z.object({
  scope: z.enum(['gpu', 'host']).describe('GPUs where they tell of power, else the processors of the host.'),
  confidence: z
    .literal('modelled')
    .describe(
      "A step's energy is the power of all devices over its time, which everything on them draws; a request's share of it goes by tokens, as its time does.",
    ),
  resolution_ms: z
    .number()
    .describe('Power cannot be distinguished below this, ms: the energy of steps that are shorter is interpolated.'),
  covered_share: z
    .number()
    .describe("Share of the steps' time in which power is known; what lies beside it has no energy here."),
  steps_j: z.number().describe('Of all steps, J.'),
})

export const ledgerParts = z.object({
  measured_ms: z.number(),
  wait_ms: z.number().describe('Until the first step that ran it: the way to the engine and its queue.'),
  own_ms: z.number().describe('Its share of the steps that ran it.'),
  lost_ms: z.number().describe('The rest of these steps, and steps between them.'),
  between_ms: z.number().describe('Between its first and last step: no step ran. Unexplained.'),
  delivery_ms: z.number().describe('From the end of its last step to the last token at the client.'),
  own_j: z
    .number()
    .nullable()
    .describe('Energy of the same parts, J: from its first step to the end of its last one, the energy is their sum.'),
  lost_j: z.number().nullable(),
  between_j: z.number().nullable(),
})

export const culprit = z.object({
  request_id: z.number().nullable().describe("Null for requests that are not this run's."),
  ms: z.number(),
  prefill_ms: z.number().describe('Of that: it was prefilled.'),
  prefill_tokens: z.number().describe('Prompt tokens of it that ran meanwhile.'),
  while_out_ms: z
    .number()
    .describe('Of that: steps that did not run the victim, after a preemption or since the step was full.'),
  j: z
    .number()
    .nullable()
    .describe("Energy of its work meanwhile: its share of the steps' energy, as `ms` is of their time."),
})

export const victim = z.object({
  request_id: z.number(),
  prompt_id: z.string().nullable(),
  preemptions: z.number(),
  lost_to: z.array(culprit).describe('Who took it, most first; `lost_ms` is their sum with `others_ms`.'),
  others: z.number().describe('Culprits that are not listed.'),
  others_ms: z.number(),
  others_j: z.number().nullable(),
  ...ledgerParts.shape,
})

export const classMatrix = z.object({
  by: z.enum(['prompt', 'session']),
  cells: z
    .array(
      z.object({
        victim: z.string(),
        culprit: z.string(),
        ms: z.number(),
        j: z.number().nullable(),
      }),
    )
    .describe("`j`: the energy of the culprits' work meanwhile; null where no power is known."),
})

export const interference = z.object({
  steps_from: stepsFrom,
  confidence: z.enum(['measured', 'inferred']).describe('Of which requests a step ran.'),
  requests: z.number().describe('Requests with tokens whose steps are known.'),
  energy: stepEnergy
    .nullable()
    .describe('The energy of the steps; null where no power is known, and every `_j` with it.'),
  total: ledgerParts.describe('Over all of them.'),
  victims: z.array(victim).describe('Those that lost most, most first.'),
  matrices: z.array(classMatrix).describe('The same by class of prompt, and by session where there are few.'),
})

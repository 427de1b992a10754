import { z } from 'zod'
import type { Report } from '../report.ts'
import { backlog } from './backlog.ts'
import { certificate } from './certify.ts'
import { definedFigures } from './definitions.ts'
import { latency } from './distribution.ts'
import { engineFigures } from './engine.ts'
import { hardware } from './hardware.ts'
import { interference } from './interference.ts'
import { htaKernels, kernels, opSource } from './kernels.ts'
import { lateTokens } from './late-tokens.ts'
import { kernelClock, slowRequest } from './latency.ts'
import { machine } from './machine.ts'
import { osFigures } from './os.ts'
import { rejectedValues } from './rejected-values.ts'
import {
  answerFacts,
  failures,
  offered,
  requestLine,
  runSummary,
  sizeThroughput,
  streamFacts,
  timeShares,
  tokens,
} from './requests.ts'
import { roofline } from './roofline.ts'
import { sloFigures } from './slo.ts'
import { steadyState } from './steady-state.ts'
import { spanFigures, stepFigures, stepJoin } from './steps.ts'
import { assessments, verdictLine } from './verdict.ts'

/** What `report --json` prints, as a schema: fields may be added in later versions, none is renamed or removed. */
export const reportSchema = z.object({
  run: runSummary,
  verdict: z.array(verdictLine).describe('In order of importance.'),
  assessments: assessments
    .nullable()
    .describe(
      'Whether client, server and network limited the run, each by its evidence; null for a run without requests.',
    ),
  offered: offered,
  steady: steadyState
    .nullable()
    .describe('The load over time and its steady part; null where the run is too short, or one request at a time.'),
  backlog: backlog
    .nullable()
    .describe('Whether the server did what it was asked for; null where that cannot be judged.'),
  failures: failures,
  latency: latency,
  slo: sloFigures.nullable().describe('Null where no objectives were named.'),
  definitions: definedFigures
    .nullable()
    .describe("The figures by another tool's definitions; null where none was named."),
  stream: streamFacts,
  answers: answerFacts,
  tokens: tokens,
  throughput: z.array(sizeThroughput),
  time: timeShares.nullable(),
  steps: stepFigures.nullable().describe("Null for a run without the engine's log of its steps."),
  step_join: stepJoin
    .nullable()
    .describe(
      "What of the tokens' steps can be known without that log; null for a run without steps, or with too many tokens.",
    ),
  interference: interference
    .nullable()
    .describe("Who delayed whom; null where it is not known which requests the engine's steps ran."),
  books: z
    .array(
      z.object({
        check: z
          .string()
          .describe(
            '`tokens_events`, `tokens_engine`, `tokens_steps`, `stages`, `step_shares`, `energy_gpu`, `energy_host`, `clocks`.',
          ),
        left: z.string().describe('What is compared with what.'),
        right: z.string(),
        unit: z.string(),
        left_value: z.number().nullable(),
        right_value: z.number().nullable(),
        residual: z.number().nullable().describe('left_value - right_value, and how far it may be from 0.'),
        bound: z.number().nullable(),
        state: z.enum(['open', 'closed', 'not_checked']),
        why: z.string().nullable().describe('Why it was not checked.'),
      }),
    )
    .describe('What has to add up, and whether it does.'),
  spans: spanFigures.nullable().describe("Null for a run without the server's spans."),
  late_tokens: lateTokens.nullable().describe('Tokens that came late and why; null with too few tokens.'),
  kernel_clock: kernelClock
    .nullable()
    .describe("The client's stamps against the kernel's own; null where its segments were not recorded."),
  certificate: certificate.nullable().describe('What each layer cost the run; null for a run without `--certify`.'),
  machine: machine,
  hardware: hardware,
  engine_metrics: engineFigures
    .nullable()
    .describe("What the server's page of metrics reported; null where it was not recorded."),
  rejected_values: z.array(rejectedValues).describe('Values that hardware or server reported and that cannot be.'),
  os: osFigures.nullable().describe("Null where the kernel's view was not recorded."),
  kernels: z.union([htaKernels, kernels]).nullable().describe('Null where the run has no operators or kernels.'),
  operators: z
    .array(opSource)
    .nullable()
    .describe('Null where the run has no sums of operators that came without times.'),
  roofline: roofline.nullable().describe("Null where no model's config was given, or the run has no steps."),
  slowest: z
    .array(slowRequest)
    .describe('The slowest answered requests of the measured phase, slowest first, and why.'),
  requests: z.array(requestLine).describe('The first requests of the measured phase, in the order they were sent.'),
}) satisfies z.ZodType<Report>

type Writable<T> = T extends readonly (infer E)[]
  ? Writable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Writable<T[K]> }
    : T
type Accepted<Schema, Value extends Schema> = Value
/** Does not compile where a report could hold what the schema refuses. */
export type AcceptedReport = Accepted<z.input<typeof reportSchema>, Writable<Report>>

/** `docs/report.schema.json`: JSON Schema, draft 2020-12. Unknown fields are allowed, so that a newer Layerline's report still fits. */
export function reportJsonSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Layerline report',
    description: 'What `layerline report RUN --json` prints. Definitions and formulas: docs/metrics.md.',
    ...z.toJSONSchema(reportSchema, { io: 'input', reused: 'ref' }),
  }
}

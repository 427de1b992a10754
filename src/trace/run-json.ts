import { z } from 'zod'
import { LayerlineError } from '../base/errors.ts'
import { isDeeper } from '../base/json-depth.ts'
import type { ClockBase } from '../base/time.ts'

/** Readers take every minor version of their major, and refuse a newer major. */
export const FORMAT = { major: 1, minor: 4 } as const

const hostSchema = z.object({
  name: z.string(),
  kernel: z.string().nullable(),
  cpu: z.string().nullable(),
  cores: z.number(),
  memory_bytes: z.number(),
  governor: z.string().nullable(),
  cgroup: z.object({ cpu_cores: z.number().nullable(), memory_bytes: z.number().nullable() }),
  driver: z.string().nullable(),
})
export type HostProvenance = z.infer<typeof hostSchema>

const engineSchema = z.object({
  url: z.string(),
  server: z.string().nullable(),
  version: z.string().nullable(),
  arguments: z.array(z.string()).nullable(),
  model: z.string().nullable(),
  model_sha256: z.string().nullable(),
  tokenizer_sha256: z.string().nullable(),
  max_model_len: z.number().nullable(),
  same_host: z.boolean().nullable(),
  pid: z.number().nullable(),
})
export type EngineProvenance = z.infer<typeof engineSchema>

const bookSchema = z.object({
  /** `tokens_events`, `tokens_engine`, `tokens_steps`, `stages`, `step_shares`, `energy_gpu`, `energy_host`, `clocks`. */
  check: z.string(),
  /** What is compared with what. */
  left: z.string(),
  right: z.string(),
  unit: z.string(),
  left_value: z.number().nullable(),
  right_value: z.number().nullable(),
  /** left_value - right_value, and how far it may be from 0. */
  residual: z.number().nullable(),
  bound: z.number().nullable(),
  state: z.enum(['closed', 'open', 'not_checked']),
  /** Why it was not checked. */
  why: z.string().nullable(),
})
export type BookCheck = z.infer<typeof bookSchema>

const planSchema = z.object({
  /** Where the arrivals are from, and which of them were chosen, as their reader reports it. */
  schedule: z.record(z.string(), z.unknown()).nullable().default(null),
  prompts: z.record(z.string(), z.unknown()).nullable().default(null),
  /** Rows skipped or changed as the schedule was read, by reason. */
  counts: z.record(z.string(), z.number()).default({}),
  speedup: z.number().nullable().default(null),
  max_in_flight: z.number().nullable().default(null),
  /** How requests were brought to their time: a thread that sleeps, or a loop that spins. */
  pacing: z.enum(['thread', 'precise']).nullable().default(null),
  /** CPU time that the pacing itself took, s. */
  pacing_cpu_s: z.number().nullable().default(null),
  dependency: z.enum(['causal', 'schedule']).nullable().default(null),
  retries: z.number().int().default(0),
  workers: z.number().int().default(1),
  /** Workers that died before they were done. */
  workers_lost: z.number().int().default(0),
  /** The run that this one resumes, and the id of its first request. */
  resumed_from: z.string().nullable().default(null),
  first_request: z.number().int().default(0),
  /** Ids after that one which the previous runs had offered already. */
  offered_before: z.array(z.number().int()).default([]),
})
export type RunPlan = z.infer<typeof planSchema>

export const runJsonSchema = z.object({
  format: z.object({ major: z.number().int(), minor: z.number().int() }),
  layerline: z.string(),
  run_id: z.string(),
  state: z.enum(['recording', 'interrupted', 'sealed']),
  command: z.string(),
  /** The settings in force, with secrets redacted. */
  config: z.record(z.string(), z.unknown()),
  /** Unix ns of the run's zero, a decimal string: it does not fit a double. */
  epoch_ns: z.string().regex(/^\d+$/),
  /** The integer base of each clock whose live rows are kept relative to it, ns, decimal. */
  clock_bases: z.record(z.string(), z.string()),
  started: z.string(),
  ended: z.string().nullable(),
  /** Why it ended: all requests were offered, a signal, the store failed, or the recorder died. */
  ended_by: z.enum(['done', 'signal', 'failure', 'crash']).nullable().default(null),
  /** Requests of the whole schedule, warm-up too; null where that is not known beforehand. */
  planned_requests: z.number().int().nullable().default(null),
  /** `closed`: the answers set the pace, there is no schedule to keep. */
  loop: z.enum(['open', 'closed']).nullable().default(null),
  /** What was offered, for runs of a schedule or of synthetic load. */
  plan: planSchema.nullable().default(null),
  hosts: z.array(hostSchema),
  engine: engineSchema.nullable(),
  sampling: z.record(z.string(), z.unknown()),
  /** Times in which the server's profiler ran or wrote, ns since the epoch; null: to the end of the run. */
  profiled: z.array(z.object({ from_ns: z.number(), to_ns: z.number().nullable() })).default([]),
  seed: z.number(),
  shards: z.array(
    z.object({ shard: z.number().int(), pid: z.number().int(), pid_start: z.string(), socket: z.string().nullable() }),
  ),
  /** Rows kept, dropped by a full queue, and lost by the source, per table. */
  layers: z.record(z.string(), z.object({ rows: z.number(), dropped: z.number(), lost: z.number() })),
  /** Of each recording process; null in a run that was not recorded, or by a version before 1.4. */
  store: z
    .object({
      /**
       * The limit of rows that are written and not committed; past it, rows of the large tables are dropped and
       * counted.
       */
      max_uncommitted_bytes: z.number(),
      /** The longest that a row waited for its commit; null until the run has ended by itself. */
      longest_uncommitted_ms: z.number().nullable(),
    })
    .nullable()
    .default(null),
  /**
   * Figures of one quantity from two sources, computed at the end of the run; empty in a run of a version before 1.4.
   */
  books: z.array(bookSchema).default([]),
  verdict: z.array(z.object({ level: z.enum(['ok', 'note', 'warn', 'bad']), what: z.string(), text: z.string() })),
})
export type RunJson = z.infer<typeof runJsonSchema>
export type VerdictLine = RunJson['verdict'][number]

/** Of objects and lists; what Layerline writes is under 10. */
const MOST_DEPTH = 100

/** Parses a run.json's text; the version is checked first, so that a newer run gets a clear error and not zod's. */
export function parseRunJson(text: string, path: string): RunJson {
  if (isDeeper(text, MOST_DEPTH)) {
    throw new LayerlineError('input/run-json', `${path}: nested more than ${MOST_DEPTH} deep; no run.json is`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new LayerlineError('input/run-json', `${path}: not JSON`, {
      hint: 'the file is damaged; if the run was cut off, try `layerline recover`',
      cause,
    })
  }
  const head = z.object({ format: z.object({ major: z.number() }), layerline: z.string().optional() }).safeParse(value)
  if (!head.success) {
    throw new LayerlineError('input/run-json', `${path}: no format version; this is not a Layerline run`)
  }
  if (head.data.format.major > FORMAT.major) {
    throw new LayerlineError(
      'input/run-newer',
      `${path}: run format ${head.data.format.major}, but this Layerline reads up to ${FORMAT.major}`,
      { hint: `open it with Layerline ${head.data.layerline ?? 'of that version'} or newer` },
    )
  }
  const parsed = runJsonSchema.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new LayerlineError('input/run-json', `${path}: ${issue?.path.join('.')}: ${issue?.message}`)
  }
  return parsed.data
}

export function clockBaseOf(run: RunJson): ClockBase {
  return { epochUnixNs: BigInt(run.epoch_ns), monotonicBaseNs: BigInt(run.clock_bases.run ?? '0') }
}

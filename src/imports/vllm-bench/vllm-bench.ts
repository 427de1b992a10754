import { z } from 'zod'
import { LayerlineError } from '../../base/errors.ts'
import type { ResultReader } from '../import-format.ts'
import { failureOf } from '../results/failure-status.ts'
import { appendRequest } from '../results/imported-request.ts'
import type { ResultFile } from '../results/result-file.ts'
import type { RunWriter } from '../run-writer.ts'

const seconds = z.number()
const tokens = z.int().min(0).max(4_294_967_294)

/** What `vllm bench serve --save-result` 0.32 writes, as far as it is read; the arrays are there with --save-detailed. */
const schema = z.object({
  date: z.string().optional(),
  backend: z.string().nullish(),
  model_id: z.string().nullish(),
  tokenizer_id: z.string().nullish(),
  num_prompts: z.int().min(0).nullish(),
  request_rate: z.union([z.number(), z.string()]).nullish(),
  burstiness: z.number().nullish(),
  max_concurrency: z.int().nullish(),
  duration: seconds.min(0),
  completed: z.int().min(0),
  input_lens: z.array(z.unknown()).optional(),
  output_lens: z.array(z.unknown()).optional(),
  ttfts: z.array(z.unknown()).optional(),
  itls: z.array(z.unknown()).optional(),
  latencies: z.array(z.unknown()).optional(),
  start_times: z.array(z.unknown()).optional(),
  queue_times: z.array(z.unknown()).optional(),
  errors: z.array(z.unknown()).optional(),
})
type Result = z.output<typeof schema>

/** One request's place in each array; null is a figure that could not be measured (Python's NaN). */
const rowSchema = {
  input_lens: tokens.nullable(),
  output_lens: tokens.nullable(),
  ttfts: seconds.min(0).nullable(),
  itls: z.array(seconds.min(0).nullable()).nullable(),
  latencies: seconds.min(0).nullish(),
  start_times: seconds,
  queue_times: seconds.nullish(),
  errors: z.string().nullable(),
} as const
type Row = { [K in keyof typeof rowSchema]: z.output<(typeof rowSchema)[K]> }

const READS = 'vLLM 0.32'

const ARRAYS = ['input_lens', 'output_lens', 'ttfts', 'itls', 'start_times', 'errors'] as const

/** The arrays, all of one length. */
type Detailed = Result & { [K in (typeof ARRAYS)[number]]: NonNullable<Result[K]> }

function detailed(file: ResultFile, result: Result): Detailed {
  const missing = ARRAYS.filter((name) => result[name] === undefined)
  if (missing.includes('start_times') && !missing.includes('ttfts') && !missing.includes('itls')) {
    throw new LayerlineError(
      'input/import-version',
      `${file.path}: no start_times: written by a vLLM from before January 2026, which kept each request's latencies but not when it began; read are the files of ${READS}`,
      { hint: `run the benchmark with ${READS}, or record with layerline load` },
    )
  }
  if (missing.length > 0) {
    throw new LayerlineError(
      'input/import-summary',
      `${file.path}: no ${missing.join(', ')}: a summary without its requests`,
      {
        hint: 'vllm bench serve --save-result --save-detailed keeps them',
      },
    )
  }
  const n = result.start_times?.length ?? 0
  for (const name of [...ARRAYS, 'latencies', 'queue_times'] as const) {
    const length = result[name]?.length
    if (length !== undefined && length !== n) {
      throw new LayerlineError(
        'input/import-value',
        `${file.path}: ${name} has ${length} values; expected ${n}, as start_times`,
      )
    }
  }
  return result as Detailed
}

/** The requests that can be read, each with its number in the file. */
function rowsOf(file: ResultFile, result: Detailed): (Row & { readonly i: number })[] {
  const names = Object.keys(rowSchema) as (keyof Row)[]
  return result.start_times.flatMap((_, i) => {
    const row = file.row(() =>
      Object.fromEntries(
        names.map((name) => [
          name,
          file.checked(result[name]?.[i], rowSchema[name] as z.ZodType<unknown>, 1, [name, i]),
        ]),
      ),
    )
    return row === null ? [] : [{ ...(row as unknown as Row), i }]
  })
}

async function read(file: ResultFile, run: RunWriter): Promise<void> {
  const result = detailed(file, file.json(schema))
  const rows = rowsOf(file, result)
  file.finish(run, rows.length)
  const first = rows.reduce((least, { start_times }) => Math.min(least, start_times), Number.POSITIVE_INFINITY)
  const date = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)$/
    .exec(result.date ?? '')
    ?.slice(1)
    .map(Number)
  const endUs = date === undefined ? 0 : dateUs(date)
  run.setEpoch(Math.max(0, endUs - result.duration * 1e6))
  run.describe(
    {
      planned_requests: result.start_times.length,
      loop: result.request_rate === 'inf' && result.max_concurrency != null ? 'closed' : 'open',
    },
    {
      tool: 'vllm bench serve',
      backend: result.backend,
      model: result.model_id,
      tokenizer: result.tokenizer_id,
      rate: result.request_rate,
      burstiness: result.burstiness,
      max_concurrency: result.max_concurrency,
    },
  )
  let ok = 0
  let unknown = 0
  for (const row of rows) {
    const { i, ttfts: ttft, itls: gaps, output_lens: outputLen } = row
    const sent = (row.start_times - first) * 1e9
    const latency = row.latencies ?? null
    const error = row.errors ?? ''
    const failed = error !== '' || (!outputLen && !gaps?.length && ttft === 0)
    if (!failed) ok++
    // A request that failed on its way has the gaps up to there, and no end.
    const known = gaps?.filter((gap) => gap !== null) ?? []
    const isWhole = ttft !== null && gaps !== null && known.length === gaps.length
    if (!isWhole) unknown++
    const streamed = isWhole && (ttft > 0 || known.length > 0)
    const events = streamed ? eventTimes(sent + ttft * 1e9, known) : []
    const last = events.at(-1) ?? null
    appendRequest(run, {
      promptId: String(i),
      scheduledNs: sent - (row.queue_times ?? 0) * 1e9,
      sentNs: sent,
      firstTokenNs: events[0] ?? (ttft === null || ttft === 0 ? null : sent + ttft * 1e9),
      lastTokenNs: last,
      endNs: failed ? null : latency === null ? last : sent + latency * 1e9,
      ...(failed ? failureOf(error) : { status: 'ok' }),
      inputTokens: row.input_lens,
      outputTokens: failed ? null : outputLen,
      model: result.model_id ?? null,
      events,
    })
  }
  if (unknown > 0) {
    run.note(
      'note',
      'missing figures',
      `${unknown} requests have no first token or gaps in the file (null or NaN): they have no events`,
    )
  }
  if (ok !== result.completed) {
    run.note('warn', 'requests', `the file says ${result.completed} completed, and ${ok} of its requests look so`)
  }
  run.note(
    'warn',
    'times',
    date === undefined
      ? 'the file has no date: times count from 1970'
      : "the file's date is local time without a zone, taken as UTC; times within the run are exact",
  )
  run.note(
    'note',
    'events',
    'an event is one with choices, as that tool stamps them: the first may be the role alone. Their kinds, tokens, bytes and lateness, connections and ends of failed requests are not in the file; generated texts are not taken over',
  )
}

function dateUs([year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0]: number[]): number {
  return Date.UTC(year, month - 1, day, hour, minute, second) * 1000
}

function eventTimes(first: number, gapsSeconds: readonly number[]): number[] {
  const times = [first]
  for (const gap of gapsSeconds) times.push((times.at(-1) as number) + gap * 1e9)
  return times
}

export const vllmBench: ResultReader = {
  reads: READS,
  detect: (head) => ['"tokenizer_id"', '"num_prompts"', '"request_rate"'].every((key) => head.includes(key)),
  read,
}

import { z } from 'zod'
import { LayerlineError } from '../../base/errors.ts'
import { failureOf } from '../results/failure-status.ts'
import { appendRequest } from '../results/imported-request.ts'
import type { ResultFile, ResultFormat } from '../results/result-file.ts'
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
  input_lens: z.array(tokens).optional(),
  output_lens: z.array(tokens).optional(),
  ttfts: z.array(seconds.min(0)).optional(),
  itls: z.array(z.array(seconds.min(0))).optional(),
  latencies: z.array(seconds.min(0)).optional(),
  start_times: z.array(seconds).optional(),
  queue_times: z.array(seconds).optional(),
  errors: z.array(z.string()).optional(),
})
type Result = z.output<typeof schema>

const ARRAYS = ['input_lens', 'output_lens', 'ttfts', 'itls', 'start_times', 'errors'] as const

/** The arrays, all of one length. */
type Detailed = Result & { [K in (typeof ARRAYS)[number]]: NonNullable<Result[K]> }

function detailed(file: ResultFile, result: Result): Detailed {
  const missing = ARRAYS.filter((name) => result[name] === undefined)
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
  if (n === 0) throw new LayerlineError('input/import-empty', `${file.path}: no request in it`)
  return result as Detailed
}

async function read(file: ResultFile, run: RunWriter): Promise<void> {
  const result = detailed(file, file.json(schema))
  const starts = result.start_times
  const first = starts.reduce((a, b) => Math.min(a, b))
  const date = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)$/
    .exec(result.date ?? '')
    ?.slice(1)
    .map(Number)
  const endUs = date === undefined ? 0 : dateUs(date)
  run.setEpoch(Math.max(0, endUs - result.duration * 1e6))
  run.describe(
    {
      planned_requests: starts.length,
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
  starts.forEach((start, i) => {
    const sent = (start - first) * 1e9
    const ttft = result.ttfts[i] as number
    const gaps = result.itls[i] as number[]
    const latency = result.latencies?.[i] ?? null
    const outputLen = result.output_lens[i] as number
    const error = result.errors[i] as string
    const failed = error !== '' || (outputLen === 0 && gaps.length === 0 && ttft === 0)
    if (!failed) ok++
    // A request that failed on its way has the gaps up to there, and no end.
    const streamed = ttft > 0 || gaps.length > 0
    const events = streamed ? eventTimes(sent + ttft * 1e9, gaps) : []
    const last = events.at(-1) ?? null
    appendRequest(run, {
      promptId: String(i),
      scheduledNs: sent - (result.queue_times?.[i] ?? 0) * 1e9,
      sentNs: sent,
      firstTokenNs: events[0] ?? null,
      lastTokenNs: last,
      endNs: failed ? null : latency === null ? last : sent + latency * 1e9,
      ...(failed ? failureOf(error) : { status: 'ok' }),
      inputTokens: result.input_lens[i] as number,
      outputTokens: failed ? null : outputLen,
      model: result.model_id ?? null,
      events,
    })
  })
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

export const vllmBench: ResultFormat = {
  id: 'vllm-bench',
  about: 'the JSON of `vllm bench serve --save-result --save-detailed`',
  detect: (head) => head.includes('"tokenizer_id"') && head.includes('"num_prompts"') && head.includes('"burstiness"'),
  read,
}

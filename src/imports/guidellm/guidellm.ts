import { z } from 'zod'
import { LayerlineError } from '../../base/errors.ts'
import type { Status } from '../../trace/tables.ts'
import type { ResultReader } from '../import-format.ts'
import { failureOf } from '../results/failure-status.ts'
import { appendRequest } from '../results/imported-request.ts'
import type { ResultFile } from '../results/result-file.ts'
import type { RunWriter } from '../run-writer.ts'

/** Unix seconds. */
const time = z.number().positive()
const tokens = z.int().min(0).max(4_294_967_294).nullish()

const requestSchema = z.object({
  request_id: z.string().nullish(),
  info: z.object({
    conversation_id: z.string().nullish(),
    turn_index: z.int().nonnegative().nullish(),
    timings: z.object({
      targeted_start: time.nullish(),
      resolve_start: time.nullish(),
      request_start: time.nullish(),
      first_token_iteration: time.nullish(),
      last_token_iteration: time.nullish(),
      request_end: time.nullish(),
      resolve_end: time.nullish(),
    }),
    error: z.string().nullish(),
  }),
  prompt_tokens: tokens,
  cached_tokens: tokens,
  output_tokens: tokens,
})
type GuideRequest = z.output<typeof requestSchema>

const benchmarkSchema = z.object({
  config: z.looseObject({
    strategy: z.looseObject({ type_: z.string().nullish() }).nullish(),
    backend: z.looseObject({ target: z.string().nullish(), model: z.string().nullish() }).nullish(),
  }),
  start_time: time,
  end_time: time,
  warmup_duration: z.number().nullish(),
  cooldown_duration: z.number().nullish(),
  requests: z.object({
    successful: z.array(z.unknown()).nullish(),
    errored: z.array(z.unknown()).nullish(),
    incomplete: z.array(z.unknown()).nullish(),
  }),
})
type Benchmark = z.output<typeof benchmarkSchema>

/** GuideLLM 0.8's JSON report, as far as it is read. */
const schema = z.object({ benchmarks: z.array(benchmarkSchema).min(1) })

const READS = 'GuideLLM 0.8.1'

/** Strategies in which the answers set the pace. */
const CLOSED = new Set(['synchronous', 'concurrent', 'throughput'])

async function read(file: ResultFile, run: RunWriter): Promise<void> {
  if (!file.head.includes('"guidellm_version"') && OLD_REQUEST.test(file.head)) throw olderVersion(file)
  const { benchmarks } = file.json(schema)
  const all = benchmarks.flatMap((benchmark, repeat) =>
    requestsOf(file, benchmark, repeat).map((each) => ({ ...each, benchmark, repeat })),
  )
  file.finish(run, all.length, 'GuideLLM keeps the requests it sampled: see its sample size')
  const epochS = Math.min(...benchmarks.map(({ start_time }) => start_time))
  run.setEpoch(epochS * 1e6)
  const strategies = benchmarks.map(({ config }) => config.strategy?.type_ ?? 'unknown')
  const { backend } = (benchmarks[0] as Benchmark).config
  run.describe(
    {
      planned_requests: all.length,
      loop: strategies.every((name) => CLOSED.has(name)) ? 'closed' : 'open',
    },
    {
      tool: 'GuideLLM',
      url: backend?.target,
      model: backend?.model,
      strategies: benchmarks.map(({ config }) => config.strategy),
    },
  )
  for (const { request, status, benchmark, repeat } of all) take(run, request, status, benchmark, repeat, epochS)
  if (benchmarks.length > 1) {
    run.note(
      'warn',
      'benchmarks',
      `the file holds ${benchmarks.length} benchmarks (${strategies.join(', ')}): each is a pass (\`repeat\`) of this run, and figures of the whole mix them`,
    )
  }
  run.note(
    'note',
    'events',
    "the file has each answer's first and last token and no events between: there are no gaps and no ITL. Times are of microseconds; where token counts come from is not in the file; texts are not taken over",
  )
}

/** Keys that reports had before 0.4, and not since. */
const OLD_REQUEST = /"run_stats"|"scheduler_info"|"first_token_time"|"request_loader"/

function olderVersion(file: ResultFile): LayerlineError {
  return new LayerlineError(
    'input/import-version',
    `${file.path}: a report of GuideLLM 0.3 or older, which names no version; read are those of ${READS}`,
    { hint: `run it with ${READS}, or record with layerline load` },
  )
}

function requestsOf(
  file: ResultFile,
  { requests }: Benchmark,
  benchmark: number,
): { request: GuideRequest; status: Status | 'errored' }[] {
  const of = (list: unknown[] | null | undefined, status: Status | 'errored') =>
    (list ?? []).flatMap((value, i) => {
      const at = ['benchmarks', benchmark, 'requests', status === 'ok' ? 'successful' : status, i]
      const request = file.row(() => file.checked(value, requestSchema, 1, at))
      return request === null ? [] : [{ request, status }]
    })
  const start = ({ info: { timings } }: GuideRequest) =>
    timings.request_start ?? timings.resolve_start ?? timings.targeted_start ?? 0
  return [
    ...of(requests.successful, 'ok'),
    ...of(requests.errored, 'errored'),
    ...of(requests.incomplete, 'interrupted'),
  ].sort((a, b) => start(a.request) - start(b.request))
}

function take(
  run: RunWriter,
  request: GuideRequest,
  status: Status | 'errored',
  benchmark: Benchmark,
  repeat: number,
  epochS: number,
): void {
  const { info } = request
  const { timings } = info
  const ns = (seconds: number | null | undefined) => (seconds == null ? null : Math.round((seconds - epochS) * 1e9))
  const sent = ns(timings.request_start)
  const end = ns(timings.request_end ?? timings.resolve_end)
  appendRequest(run, {
    promptId: request.request_id ?? null,
    sessionId: info.conversation_id ?? null,
    turn: info.turn_index ?? null,
    scheduledNs: ns(timings.targeted_start) ?? sent ?? ns(timings.resolve_start) ?? 0,
    sentNs: sent,
    firstTokenNs: ns(timings.first_token_iteration),
    lastTokenNs: ns(timings.last_token_iteration),
    endNs: end,
    ...(status === 'errored' ? failureOf(info.error ?? '') : { status }),
    inputTokens: request.prompt_tokens ?? null,
    outputTokens: request.output_tokens ?? null,
    cachedTokens: request.cached_tokens ?? null,
    phase: phaseOf(benchmark, timings.request_start, timings.request_end ?? timings.resolve_end),
    repeat,
    model: benchmark.config.backend?.model ?? null,
  })
}

/** GuideLLM measures requests that overlap the time between its warm-up and its cool-down. */
function phaseOf(
  { start_time, end_time, warmup_duration, cooldown_duration }: Benchmark,
  start: number | null | undefined,
  end: number | null | undefined,
): 'warmup' | 'measured' | 'drain' {
  if (warmup_duration && end != null && end < start_time + warmup_duration) return 'warmup'
  return cooldown_duration && start != null && start > end_time - cooldown_duration ? 'drain' : 'measured'
}

export const guidellm: ResultReader = {
  reads: READS,
  // Before 0.4 a report names neither its tool nor a version.
  detect: (head) =>
    head.includes('"guidellm_version"') ||
    (/^\{\s*"benchmarks"/.test(head) && (head.includes('"generative_benchmark"') || OLD_REQUEST.test(head))),
  version: (head) => {
    const version = /"guidellm_version"\s*:\s*"([^"]+)"/.exec(head)?.[1]
    return version === undefined || version.startsWith('0.8.') ? null : `GuideLLM ${version}`
  },
  read,
}

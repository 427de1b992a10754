import { z } from 'zod'
import { LayerlineError } from '../../base/errors.ts'
import type { Status } from '../../trace/tables.ts'
import { failureOf } from '../results/failure-status.ts'
import { appendRequest } from '../results/imported-request.ts'
import type { ResultFile, ResultFormat } from '../results/result-file.ts'
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
    successful: z.array(requestSchema).nullish(),
    errored: z.array(requestSchema).nullish(),
    incomplete: z.array(requestSchema).nullish(),
  }),
})
type Benchmark = z.output<typeof benchmarkSchema>

/** GuideLLM 0.8's JSON report, as far as it is read. */
const schema = z.object({ benchmarks: z.array(benchmarkSchema).min(1) })

/** Strategies in which the answers set the pace. */
const CLOSED = new Set(['synchronous', 'concurrent', 'throughput'])

async function read(file: ResultFile, run: RunWriter): Promise<void> {
  const { benchmarks } = file.json(schema)
  const all = benchmarks.flatMap((benchmark, repeat) =>
    requestsOf(benchmark).map((each) => ({ ...each, benchmark, repeat })),
  )
  if (all.length === 0) {
    throw new LayerlineError('input/import-empty', `${file.path}: no request in it`, {
      hint: 'GuideLLM keeps the requests it sampled: see its sample size',
    })
  }
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

function requestsOf({ requests }: Benchmark): { request: GuideRequest; status: Status | 'errored' }[] {
  const of = (list: GuideRequest[] | null | undefined, status: Status | 'errored') =>
    (list ?? []).map((request) => ({ request, status }))
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

/** GuideLLM measures what overlaps the time between its warm-up and its cool-down. */
function phaseOf(
  { start_time, end_time, warmup_duration, cooldown_duration }: Benchmark,
  start: number | null | undefined,
  end: number | null | undefined,
): 'warmup' | 'measured' | 'drain' {
  if (warmup_duration && end != null && end < start_time + warmup_duration) return 'warmup'
  return cooldown_duration && start != null && start > end_time - cooldown_duration ? 'drain' : 'measured'
}

export const guidellm: ResultFormat = {
  id: 'guidellm',
  about: "GuideLLM's JSON report",
  detect: (head) => head.includes('"guidellm_version"'),
  read,
}

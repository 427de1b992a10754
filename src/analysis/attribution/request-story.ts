import { LayerlineError } from '../../base/errors.ts'
import { STEP_KIND, STEP_PATTERN, stepNumbers } from '../../derived/step-names.ts'
import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import { type Victim, victimOf } from '../interference/interference.ts'
import { IS_TOKEN_EVENT } from '../populations.ts'
import { countOf, msOf, numberOf, oneRow, textOf } from '../rows.ts'
import { type RunCosts, runCosts } from './run-costs.ts'
import { type SplitModel, stepShares } from './step-shares.ts'
import { PROFILED_STEPS, type StepParts, stepWork, type Work, workSource } from './step-work.ts'

/** What happened to one request, layer by layer. Times in ms; null: not measured. */
export interface RequestStory {
  run_id: string
  request_id: number
  prompt_id: string | null
  status: string
  error: string | null
  phase: string
  /** The server's profiler ran or wrote meanwhile: slower than it would have been. */
  profiled: boolean
  input_tokens: number | null
  cached_tokens: number | null
  output_tokens: number | null
  /** How a step's time is divided among its requests. */
  split: SplitModel
  /** What stands for the work of a step; null for a run without a profile. */
  work: 'kernels' | 'cpu_op' | null
  /** From when it was due to its end: in order, and they add up. */
  parts: { part: StoryPart; ms: number }[]
  preemptions: number
  /** What it lost to whom; null where its steps are not known. */
  interference: Victim | null
  /** Every step that ran it, in order. */
  steps: StoryStep[]
  /** Every token event, in order; an event of several steps is there once a step. */
  tokens: StoryToken[]
  /** What the server's own spans (OTLP) say of it, in order; empty where none came. */
  server_spans: ServerSpan[]
  /** The token that was asked for. */
  token: TokenStory | null
  /** What cost most in the run; null without a profile. */
  costs: RunCosts | null
}

export type StoryPart = 'due_to_sent' | 'queue' | 'prefill' | 'to_client' | 'first_token' | 'decode' | 'end'

export interface ServerSpan {
  /** `queue`, `prefill`, `decode`; else the span itself, `llm_request` in vLLM. */
  name: string
  /** Since the request was sent. */
  at_ms: number
  ms: number
  /** Tokens that the server says it gave out; of the span itself. */
  tokens: number | null
}

export interface StoryStep {
  step_id: number
  /** Since the request was sent, to the scheduler's call. */
  at_ms: number
  ms: number
  /** prefill, decode, mixed: of all its requests. */
  kind: string
  /** prefill, chunked prefill, decode: of this one. */
  stage: string
  tokens: number
  step_tokens: number
  share: number
  own_ms: number
  emitted: number
  /** The profile's step; null where it was not profiled. */
  profile_step_id: number | null
}

export interface StoryToken {
  /** Number of its first token, from 1. */
  token: number
  tokens: number
  index: number
  /** Since the request was sent. */
  at_ms: number
  /** Since the token event before. */
  gap_ms: number | null
  step_id: number | null
  /** The most that its time stamp can be late. */
  stamp_late_ms: number | null
  /** It came in one read with the event before. */
  coalesced: boolean
  /** From the end of the step to the client. */
  delivery_ms: number | null
  confidence: string | null
}

export interface TokenStory extends StoryToken {
  step: StoryStep | null
  /** Null where the step was not profiled. */
  step_parts: StepParts | null
  step_work: Work[]
}

export interface StoryOptions {
  readonly requestId: number
  /** From 1. */
  readonly token?: number | undefined
  readonly split: SplitModel
}

/** Collects what happened to a request; throws `input/request`, `input/token` for one that the run does not have. */
export async function requestStory(reader: RunReader, options: StoryOptions): Promise<RequestStory> {
  const { requestId, split } = options
  const [request] = await reader.query(`SELECT * FROM requests WHERE request_id = ${requestId}`)
  if (request === undefined) throw await noSuchRequest(reader, requestId)
  const sentNs = numberOf(request, 'sent_ns') ?? countOf(request, 'scheduled_ns')
  const steps = await stepsOf(reader, requestId, split, sentNs)
  const tokens = await tokensOf(reader, requestId, sentNs)
  const preempted = await oneRow(
    reader,
    `SELECT count(*) AS n FROM slices WHERE category = 'preemption' AND request_id = ${requestId}`,
  )
  const source = await workSource(reader)
  return {
    run_id: reader.run.run_id,
    request_id: requestId,
    prompt_id: textOf(request, 'prompt_id'),
    status: String(request.status),
    error: textOf(request, 'error'),
    phase: String(request.phase),
    profiled: request.profiled === true,
    input_tokens: numberOf(request, 'input_tokens'),
    cached_tokens: numberOf(request, 'cached_tokens'),
    output_tokens: numberOf(request, 'output_tokens'),
    split,
    work: source,
    parts: partsOf(request, sentNs, steps, tokens),
    preemptions: countOf(preempted, 'n'),
    interference: await victimOf(reader, requestId),
    steps,
    tokens,
    server_spans: await serverSpans(reader, requestId, sentNs),
    token:
      options.token === undefined ? null : await tokenStory(reader, options.token, { sentNs, steps, tokens, source }),
    costs: source === null ? null : await runCosts(reader, source, split),
  }
}

async function noSuchRequest(reader: RunReader, requestId: number): Promise<LayerlineError> {
  const row = await oneRow(
    reader,
    'SELECT min(request_id) AS low, max(request_id) AS high, count(*) AS n FROM requests',
  )
  const hint =
    countOf(row, 'n') === 0
      ? 'this run has no requests'
      : `its requests go from ${row.low} to ${row.high}: layerline report RUN lists them`
  return new LayerlineError('input/request', `${reader.folder}: no request ${requestId} in this run`, { hint })
}

async function serverSpans(reader: RunReader, requestId: number, sentNs: number): Promise<ServerSpan[]> {
  const rows = await reader.query(
    `SELECT name, t_ns, dur_ns, tokens FROM named_slices WHERE category = 'otlp' AND request_id = ${requestId}
      ORDER BY name IN ('queue', 'prefill', 'decode'), t_ns, slice_id`,
  )
  return rows.map((row) => ({
    name: String(row.name),
    at_ms: (countOf(row, 't_ns') - sentNs) / 1e6,
    ms: countOf(row, 'dur_ns') / 1e6,
    tokens: numberOf(row, 'tokens'),
  }))
}

async function stepsOf(reader: RunReader, requestId: number, split: SplitModel, sentNs: number): Promise<StoryStep[]> {
  const logged = await reader.query(
    `SELECT h.*, s.t_ns, s.dur_ns, s.tokens AS step_tokens, s.name AS kind, p.profile_id
      FROM ${stepShares(split)} h JOIN named_slices s ON s.slice_id = h.step_id LEFT JOIN ${PROFILED_STEPS} p ON p.step_id = h.step_id
      WHERE h.request_id = ${requestId} ORDER BY s.t_ns, h.step_id`,
  )
  const rows = logged.length > 0 ? logged : await reader.query(inferredSteps(requestId, split))
  return rows.map((row) => {
    const ms = countOf(row, 'dur_ns') / 1e6
    const share = countOf(row, 'share')
    return {
      step_id: countOf(row, 'step_id'),
      at_ms: (countOf(row, 't_ns') - sentNs) / 1e6,
      ms,
      kind: String(row.kind),
      stage: String(row.stage),
      tokens: countOf(row, 'tokens'),
      step_tokens: countOf(row, 'step_tokens'),
      share,
      own_ms: share * ms,
      emitted: countOf(row, 'emitted'),
      profile_step_id: numberOf(row, 'profile_id'),
    }
  })
}

/**
 * Without a log of the engine: the profile's steps to which tokens of the request were tied by inference. The first ran its
 * prompt, less what the cache had, the others a token each; those that only ran a part of the prompt are not known.
 */
function inferredSteps(requestId: number, split: SplitModel): string {
  const share = split === 'tokens' ? 'own / tokens' : '1 / (prefills + decodes)'
  return `WITH tied AS (
      SELECT s.slice_id, s.name, s.t_ns, s.dur_ns, s.tokens, min(l.src_index) AS first_index, round(sum(l.share * coalesce(c.tokens, 1))) AS emitted
      FROM links l JOIN named_slices s ON s.slice_id = l.dst_id JOIN chunks c ON c.request_id = l.src_id AND c."index" = l.src_index
      WHERE l.kind = 'token of step' AND l.confidence <> 'unresolved' AND l.src_id = ${requestId} AND regexp_matches(s.name, ${STEP_PATTERN})
      GROUP BY ALL
    ), numbered AS (SELECT *, ${stepNumbers('name')}, t_ns = min(t_ns) OVER () AS is_first FROM tied),
    known AS (
      SELECT n.*, CASE WHEN NOT is_first THEN emitted WHEN prefills = 1 THEN prefill_tokens
        ELSE least(prefill_tokens, greatest(1, r.input_tokens - coalesce(r.cached_tokens, 0))) END AS own
      FROM numbered n, (SELECT input_tokens, cached_tokens FROM requests WHERE request_id = ${requestId}) r
    )
    SELECT slice_id AS step_id, slice_id AS profile_id, t_ns, dur_ns, tokens AS step_tokens, ${STEP_KIND} AS kind,
      CASE WHEN is_first THEN 'prefill' ELSE 'decode' END AS stage, own AS tokens, emitted, ${share} AS share
    FROM known ORDER BY t_ns`
}

async function tokensOf(reader: RunReader, requestId: number, sentNs: number): Promise<StoryToken[]> {
  const rows = await reader.query(
    `WITH events AS (
        SELECT "index" AS i, t_ns, late_ns, coalesced, greatest(coalesce(tokens, 1), 0) AS n, t_ns - lag(t_ns) OVER (ORDER BY "index") AS gap_ns,
          sum(coalesce(tokens, 1)) OVER (ORDER BY "index") AS upto
        FROM chunks WHERE request_id = ${requestId} AND ${IS_TOKEN_EVENT}
      ), tied AS (
        SELECT e.*, l.share, l.confidence, l.dst_id, s.t_ns + s.dur_ns AS end_ns,
          coalesce(sum(l.share) OVER (PARTITION BY e.i ORDER BY s.t_ns, s.slice_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS done
        FROM events e LEFT JOIN links l ON l.kind = 'token of step' AND l.src_id = ${requestId} AND l.src_index = e.i
          LEFT JOIN slices s ON s.slice_id = l.dst_id
      )
    SELECT i, t_ns, gap_ns, upto - n + 1 + round(done * n) AS token, round(n * coalesce(share, 1)) AS tokens, dst_id, confidence, late_ns, coalesced, t_ns - end_ns AS delivery
    FROM tied ORDER BY i, token`,
  )
  return rows.map((row) => ({
    token: countOf(row, 'token'),
    tokens: countOf(row, 'tokens'),
    index: countOf(row, 'i'),
    at_ms: (countOf(row, 't_ns') - sentNs) / 1e6,
    gap_ms: msOf(row, 'gap_ns'),
    step_id: numberOf(row, 'dst_id'),
    stamp_late_ms: msOf(row, 'late_ns'),
    coalesced: row.coalesced === true,
    delivery_ms: msOf(row, 'delivery'),
    confidence: textOf(row, 'confidence'),
  }))
}

/** The request's time cut at what is known of it: with a log of the steps, the wait for the first token in three. */
function partsOf(
  request: SqlRow,
  sentNs: number,
  steps: readonly StoryStep[],
  tokens: readonly StoryToken[],
): RequestStory['parts'] {
  const since = (column: string) => {
    const ns = numberOf(request, column)
    return ns === null ? null : (ns - sentNs) / 1e6
  }
  const first = since('first_token_ns')
  const [firstStep] = steps
  const made = steps.find(({ step_id }) => step_id === tokens[0]?.step_id)
  const cuts: [StoryPart, number | null][] = [
    ['due_to_sent', 0],
    ...(firstStep === undefined || made === undefined
      ? [['first_token', first] as [StoryPart, number | null]]
      : ([
          ['queue', firstStep.at_ms],
          ['prefill', made.at_ms + made.ms],
          ['to_client', first],
        ] as [StoryPart, number | null][])),
    ['decode', since('last_token_ns')],
    ['end', since('end_ns')],
  ]
  let before = (countOf(request, 'scheduled_ns') - sentNs) / 1e6
  return cuts.flatMap(([part, at]) => {
    if (at === null) return []
    const ms = at - before
    before = at
    return [{ part, ms }]
  })
}

interface Known {
  sentNs: number
  steps: readonly StoryStep[]
  tokens: readonly StoryToken[]
  source: Awaited<ReturnType<typeof workSource>>
}

async function tokenStory(reader: RunReader, number: number, known: Known): Promise<TokenStory> {
  const { sentNs, steps, tokens, source } = known
  const found = tokens.find(({ token, tokens: n }) => number >= token && number < token + n)
  if (found === undefined) {
    const last = tokens.at(-1)
    throw new LayerlineError('input/token', `no token ${number} in the answer`, {
      hint: last === undefined ? 'it has none' : `its tokens go from 1 to ${last.token + last.tokens - 1}`,
    })
  }
  const step = steps.find(({ step_id }) => step_id === found.step_id) ?? null
  const profileId = step?.profile_step_id ?? null
  if (step === null || profileId === null || source === null) return { ...found, step, step_parts: null, step_work: [] }
  const fromNs = sentNs + step.at_ms * 1e6
  const { parts, work } = await stepWork(reader, source, { profileId, fromNs, toNs: fromNs + step.ms * 1e6 })
  return { ...found, step, step_parts: parts, step_work: work }
}

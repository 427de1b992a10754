import type { BookCheck, RunJson, VerdictLine } from '../trace/run-json.ts'
import type { PHASES, Status, TOKEN_SOURCES } from '../trace/tables.ts'
import type { Backlog } from './backlog/backlog.ts'
import type { Certificate } from './certify/certificate.ts'
import type { DefinedFigures } from './definitions/defined-figures.ts'
import type { EngineFigures } from './engine/engine-figures.ts'
import type { Hardware } from './hardware/hardware.ts'
import type { Interference } from './interference/interference.ts'
import type { HtaKernels, Kernels } from './kernels/kernels.ts'
import type { OpSource } from './kernels/op-totals.ts'
import type { LateTokens } from './late-tokens/model.ts'
import type { KernelClock } from './latency/kernel-clock.ts'
import type { SlowRequest } from './latency/slowest-requests.ts'
import type { OsFigures } from './os/os-figures.ts'
import type { RejectedValues } from './rejected-values.ts'
import type { CachedBy } from './requests/cached-share.ts'
import type { Roofline } from './roofline/roofline.ts'
import type { SloFigures } from './slo/slo-figures.ts'
import type { SteadyState } from './steady-state/steady-state.ts'
import type { SpanFigures } from './steps/span-figures.ts'
import type { StepFigures } from './steps/step-figures.ts'
import type { StepJoin } from './steps/step-join.ts'
import type { Assessments } from './verdict/assessed.ts'

type Phase = (typeof PHASES)[number]
type TokenSource = (typeof TOKEN_SOURCES)[number]

/**
 * What `report --json` prints. Units are in the names; null means "not measured" or "nothing to measure it on",
 * never zero. Definitions and formulas: docs/metrics.md.
 */
export interface Report {
  run: RunSummary
  /** In order of importance. */
  verdict: VerdictLine[]
  /** Whether client, server and network limited the run, each by its evidence; null for a run without requests. */
  assessments: Assessments | null
  offered: Offered
  /** The load over time and its steady part; null where the run is too short, or one request at a time. */
  steady: SteadyState | null
  /** Whether the server did what it was asked for; null where that cannot be judged. */
  backlog: Backlog | null
  failures: Failures
  latency: Latency
  /** Null where no objectives were named. */
  slo: SloFigures | null
  /** The figures by another tool's definitions; null where none was named. */
  definitions: DefinedFigures | null
  stream: StreamFacts
  answers: AnswerFacts
  tokens: Tokens
  throughput: SizeThroughput[]
  time: TimeShares | null
  /** Null for a run without the engine's log of its steps. */
  steps: StepFigures | null
  /** What of the tokens' steps can be told without that log; null for a run without steps, or with too many tokens. */
  step_join: StepJoin | null
  /** Who delayed whom; null where it is not known which requests the engine's steps ran. */
  interference: Interference | null
  /** What has to add up, and whether it does. */
  books: BookCheck[]
  /** Null for a run without the server's spans. */
  spans: SpanFigures | null
  /** Tokens that came late and why; null with too few tokens. */
  late_tokens: LateTokens | null
  /** The client's stamps against the kernel's own; null where its segments were not recorded. */
  kernel_clock: KernelClock | null
  /** What each layer cost the run; null for a run without `--certify`. */
  certificate: Certificate | null
  machine: Machine
  hardware: Hardware
  /** What the server's page of metrics reported; null where it was not recorded. */
  engine_metrics: EngineFigures | null
  /** Values that hardware or server reported and that cannot be. */
  rejected_values: RejectedValues[]
  /** Null where the kernel's view was not recorded. */
  os: OsFigures | null
  /** Null where the run has no operators or kernels. */
  kernels: Kernels | HtaKernels | null
  /** Null where the run has no sums of operators that came without times. */
  operators: OpSource[] | null
  /** Null where no model's config was given, or the run has no steps. */
  roofline: Roofline | null
  /** The slowest answered requests of the measured phase, slowest first, and why. */
  slowest: SlowRequest[]
  /** The first requests of the measured phase, in the order they were sent. */
  requests: RequestLine[]
}

/** A report before anybody has judged it: what the verdict's rules see. */
export type Figures = Omit<Report, 'verdict' | 'assessments'>

export interface RunSummary {
  run_id: string
  state: 'recording' | 'interrupted' | 'sealed'
  command: string
  layerline: string
  started: string
  ended: string | null
  seed: number
  /** What brought the run to its end; null while it is recorded. */
  ended_by: RunJson['ended_by']
  /** Requests of the whole schedule, warm-up too. */
  planned_requests: number | null
  /** What was offered, of a schedule or synthetic load. */
  plan: RunJson['plan']
  /** In a closed loop the answers set the pace: there is no schedule. */
  loop: RunJson['loop']
  url: string | null
  server: string | null
  model: string | null
  /** The server ran on the client's host; null: not known. */
  same_host: boolean | null
  /** TLS certificates were not checked. */
  insecure: boolean
  /** How much a kill could have cost; null where the run was not recorded, or by an older version. */
  store: RunJson['store']
  hosts: { name: string; cpu: string | null; cores: number; memory_bytes: number; cgroup_cpu_cores: number | null }[]
  /** Rows kept, dropped by a full queue, lost by the source, per table. */
  layers: Record<string, { rows: number; dropped: number; lost: number }>
  /** Of a run that was made from a file: its format, and what was skipped or assumed on the way; null for one that was recorded. */
  imported: { format: string | null; notes: VerdictLine[] } | null
}

/** A quantile with the limits of its 95 % interval, or how many requests like these it would take. */
export type Percentile = { value: number; low: number; high: number } | { too_few: number }

/** Null where nothing was measured. `requests` is the number of requests the `n` values come from. */
export type Distribution = {
  n: number
  requests: number
  min: number
  mean: number
  p50: Percentile
  p90: Percentile
  p99: Percentile
  max: number
} | null

export interface Offered {
  by_status: { status: Status; phase: Phase; requests: number }[]
  /** Of the measured phase; `ok` of them enter the latency figures. */
  requests: number
  ok: number
  warmup: number
  /** Measured requests that were under way while the server's profiler ran or wrote: not in the latencies. */
  profiled: number
  /** From the first moment a measured request was due or begun to the end of the last. */
  span_s: number | null
  /** Requests a second that the schedule asked for; null under 2 requests, and in a closed loop, which has none. */
  offered_per_s: number | null
  /** Requests a second that ended ok, over the span. */
  achieved_per_s: number | null
  /** Requests that a ceiling on requests in flight held back, and for how long at most. */
  held: { requests: number; max_ms: number | null }
  /** Attempts after the first, where the server was full. */
  retries: number
  /** Requests that a full server refused in the end: 429, 503. */
  refused_busy: number
  /** From the last moment a measured request was due to the end of the last answer, s. */
  tail_s: number | null
  concurrency: { mean: number; max: number; share_at_max: number; share_idle: number } | null
  by_repeat: {
    repeat: number
    requests: number
    ok: number
    ttft_median_ms: number | null
    e2e_median_ms: number | null
  }[]
}

export interface Failures {
  requests: number
  kinds: FailureKind[]
  /** Kinds beyond those listed. */
  more_kinds: number
}

export interface FailureKind {
  status: Status
  http_status: number | null
  /** The error's text with every number as `N`. */
  error: string | null
  /** The text of the first of them as it was. */
  example: string | null
  requests: number
  first_at_s: number | null
  request_id: number
}

export interface Latency {
  ttft_ms: Distribution
  itl_ms: Distribution
  itl_amortized_ms: Distribution
  /** Requests with gaps whose events' tokens are not known; not in `itl_amortized_ms`. */
  itl_amortized_left_out: number
  tpot_ms: Distribution
  e2e_ms: Distribution
  /** TTFT and E2E from when the request was due, not from when it went; of a schedule only. */
  due_ttft_ms: Distribution
  due_e2e_ms: Distribution
  /** All measured requests that were sent, failed ones too. */
  lag_ms: Distribution
  /** `lag_ms` up to where a fresh connection's establishing began, less what a ceiling held back: the client's own part. */
  start_lag_ms: Distribution
  connect_ms: Distribution
  headers_ms: Distribution
}

/** How the answers came in; of ok measured requests. */
export interface StreamFacts {
  /** Events that carry tokens. */
  events: number
  coalesced_share: number | null
  /** How late an event's stamp can be. */
  late_p99_ms: number | null
  late_max_ms: number | null
  /** Requests whose tokens are counted both by event and by usage, and those where the two differ. */
  counted_twice: number
  counts_differ: number
  /** Sum of the event counts over the sum of the usage counts, minus 1. */
  drift_ratio: number | null
  /** Of requests of at least 8 events: those whose events all came in one instant. */
  buffered_share: number | null
  /** Of the same requests: gaps within one read, of all gaps; events a read, and the time from read to read, medians of requests. */
  burst_share: number | null
  burst_events: number | null
  burst_every_ms: number | null
  /** How late half of the events within one read can be at least, if the latest events are those. */
  burst_late_ms: number | null
}

/** What answers lacked or held beside tokens; of measured requests. */
export interface AnswerFacts {
  /** Ended as they should, and without a token. */
  empty: number
  /** Errors within a stream or a body under HTTP 200. */
  errors_under_200: number
  /** With text in a shape that is not known, or with events that were passed over; how many events. */
  unread_requests: number
  unread_events: number
  /** What was odd about the first of them. */
  unread_note: string | null
  /** Complete, though neither [DONE] nor the end of the body came. */
  not_ended: number
}

/** A rate over the measured span; the interval is null when there are too few requests to resample. */
export interface Rate {
  value: number
  low: number | null
  high: number | null
  /** What was resampled: see docs/metrics.md. */
  method: 'slots' | 'arrivals' | 'time_blocks'
}

export interface TokenSums {
  requests: number
  input_tokens: number | null
  output_tokens: number | null
  cached_tokens: number | null
  reasoning_tokens: number | null
}

export interface Tokens extends TokenSums {
  by_source: (TokenSums & { token_source: TokenSource | null })[]
  /** Cached share of the input, of those requests of which it is known. */
  cached_share: number | null
  /** How it is known: the server's usage, else the step log, else the engine's counters, which count other requests too. */
  cached_by: CachedBy | null
  /** Requests whose server said so. */
  cached_known: number
  /** What the plan wanted cached, of the same input; null where no plan says. */
  intended_cached_share: number | null
  output_per_s: Rate | null
  total_per_s: Rate | null
}

export interface SizeThroughput {
  /** The size the prompt rows name; from this size to `size_to` where there are many sizes. */
  size: number | null
  size_to: number | null
  requests: number
  /** Over TTFT: the wait in the server's queue is part of it. */
  prefill_n: number
  prefill_median_tokens_per_s: number | null
  /** From a request's first step to its first token, without that wait; null without the engine's step log. */
  prefill_steps_n: number
  prefill_steps_median_tokens_per_s: number | null
  decode_n: number
  decode_median_tokens_per_s: number | null
}

/** Shares sum to 1; `total_s` is the time of all measured requests plus the time with none in flight. */
export interface TimeShares {
  total_s: number
  connect: number
  first_token: number
  decode: number
  stalls: number
  tail: number
  failed: number
  idle: number
  /** A gap longer than this is a stall; null where there are no gaps. */
  stall_ms: number | null
}

/** A sampled track over the measured span; `sum` adds up the samples. */
export interface TrackFigures {
  layer: 'client' | 'host'
  name: string
  unit: string | null
  host: string | null
  process: string | null
  device: string | null
  /** client, engine or machine, where the track says. */
  role: string | null
  n: number
  mean: number
  p90: number
  max: number
  min: number
  sum: number
}

export interface Machine {
  tracks: TrackFigures[]
  /** Tracks beyond those listed. */
  more_tracks: number
}

export interface RequestLine {
  request_id: number
  prompt_id: string | null
  size: number | null
  repeat: number
  status: Status
  e2e_ms: number | null
  ttft_ms: number | null
  input_tokens: number | null
  output_tokens: number | null
  output_tokens_per_s: number | null
  /** The longest gap in each stretch of the answer, ms, from its first gap to its last. */
  gaps_ms: number[]
}

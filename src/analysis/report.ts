import type { BookCheck, VerdictLine } from '../trace/run-json.ts'
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
import type { Latency } from './latency/latency.ts'
import type { RequestLine } from './latency/request-lines.ts'
import type { SizeThroughput } from './latency/size-throughput.ts'
import type { SlowRequest } from './latency/slowest-requests.ts'
import type { StreamFacts } from './latency/stream-facts.ts'
import type { TimeShares } from './latency/time-shares.ts'
import type { Machine } from './machine.ts'
import type { OsFigures } from './os/os-figures.ts'
import type { RejectedValues } from './rejected-values.ts'
import type { AnswerFacts } from './requests/answers.ts'
import type { Failures } from './requests/failures.ts'
import type { Offered } from './requests/offered.ts'
import type { Tokens } from './requests/tokens.ts'
import type { Roofline } from './roofline/roofline.ts'
import type { RunSummary } from './run-summary.ts'
import type { SloFigures } from './slo/slo-figures.ts'
import type { SteadyState } from './steady-state/steady-state.ts'
import type { SpanFigures } from './steps/span-figures.ts'
import type { StepFigures } from './steps/step-figures.ts'
import type { StepJoin } from './steps/step-join.ts'
import type { Assessments } from './verdict/assessed.ts'

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
  /**
   * What can be inferred of the tokens' steps without that log; null for a run without steps, or with too many tokens.
   */
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

/** A report before it is judged: what the verdict's rules see. */
export type Figures = Omit<Report, 'verdict' | 'assessments'>

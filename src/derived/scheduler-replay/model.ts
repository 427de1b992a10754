/** An engine step as a profiler shows it: how many requests and tokens, not which. */
export interface EngineStep {
  /** Its slice. */
  readonly id: number
  readonly tNs: number
  readonly durNs: number
  /** Requests without a token so far, and how many of their prompt tokens the step runs. */
  readonly prefills: number
  readonly prefillTokens: number
  /** Requests with tokens, and how many of their tokens it runs: one each without speculation. */
  readonly decodes: number
  readonly decodeTokens: number
}

/** A request as its client saw it. */
export interface ClientRequest {
  readonly id: number
  /** When it was due, no later than `sentNs`: it cannot have been sent earlier, and a starved client stamps its send late. */
  readonly dueNs: number
  readonly sentNs: number
  /** When the client had finished with it. */
  readonly endNs: number
  readonly inputTokens: number | null
  /** Prompt tokens in the prefix cache; null if the server does not report them. */
  readonly cachedTokens: number | null
  /** null: not known, for example of a request that failed. */
  readonly outputTokens: number | null
  /** It ended by itself, not at its limit: with asynchronous scheduling the engine runs it once more. */
  readonly stopped: boolean
  /** Its events that carry tokens, in their order. */
  readonly events: readonly TokenEvent[]
}

export interface TokenEvent {
  readonly index: number
  readonly tNs: number
  /** null: not reported by the server. */
  readonly tokens: number | null
}

/**
 * Why a part could not be inferred. In the order of the names: a request lost its place or another ran more than it
 * should; several tokens per step; requests of another client; not first come, first served; a token before its step;
 * more than one explanation; tokens that arrive too late; events without a token count; steps of several engines; no
 * step seen.
 */
export const DOUBTS = [
  'preemption',
  'speculative',
  'foreign',
  'order',
  'missing_steps',
  'ambiguous',
  'late',
  'uncounted',
  'several_engines',
  'unseen',
] as const
export type Doubt = (typeof DOUBTS)[number]

/** The steps that an event is linked to. */
export interface InferredLink {
  readonly requestId: number
  readonly index: number
  readonly stepId: number
  readonly share: number
  /** null: by the replay. Otherwise the step is only the last that had ended when the event arrived. */
  readonly doubt: Doubt | null
}

export interface InferredJoin {
  readonly links: readonly InferredLink[]
  /** Why no step can be inferred: these are not the steps of a scheduler that the replay knows. */
  readonly refused: Doubt | null
  /** The replay that fits runs each request that stopped by itself once more. */
  readonly asynchronous: boolean
  /** Most tokens in a step: the scheduler's budget where any prompt was cut by it. */
  readonly tokenBudget: number
  /** How often the replay did not fit and restarted, by reason. */
  readonly breaks: Readonly<Partial<Record<Doubt, number>>>
}

export const endOf = (step: EngineStep) => step.tNs + step.durNs

/** An engine step as a profiler tells it: how many requests and tokens, not which. */
export interface EngineStep {
  /** Its slice. */
  readonly id: number
  readonly tNs: number
  readonly durNs: number
  /** Requests without a token so far, and the prompt tokens that the step runs of them. */
  readonly prefills: number
  readonly prefillTokens: number
  /** Requests with tokens, and the tokens that it runs of these: one each on plain scheduling. */
  readonly decodes: number
  readonly decodeTokens: number
}

/** A request as its client saw it. */
export interface ClientRequest {
  readonly id: number
  /** When it was due, no later than `sentNs`: it cannot have been sent earlier, and a starved client stamps its send late. */
  readonly dueNs: number
  readonly sentNs: number
  /** When the client was done with it. */
  readonly endNs: number
  readonly inputTokens: number | null
  /** Prompt tokens in the prefix cache; null where the server does not say. */
  readonly cachedTokens: number | null
  /** null: not known, as of a request that failed. */
  readonly outputTokens: number | null
  /** It ended by itself, not at its limit: with asynchronous scheduling the engine runs it once more. */
  readonly stopped: boolean
  /** Its events that carry tokens, in their order. */
  readonly events: readonly TokenEvent[]
}

export interface TokenEvent {
  readonly index: number
  readonly tNs: number
  /** null: the server does not say. */
  readonly tokens: number | null
}

/**
 * Why a part could not be told: a request lost its place or another ran more than it should; several tokens a step; somebody
 * else's requests; not first come, first served; a token before its step; more than one way to explain it; tokens that come too
 * late; events whose tokens nobody counted; steps of several engines; what no step was seen of.
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

/** What an event is tied to. */
export interface InferredLink {
  readonly requestId: number
  readonly index: number
  readonly stepId: number
  readonly share: number
  /** null: by the replay. Else the step is only the last that had ended when the event came. */
  readonly doubt: Doubt | null
}

export interface InferredJoin {
  readonly links: readonly InferredLink[]
  /** Why nothing can be told of any step: these are not the steps of a scheduler that the replay knows. */
  readonly refused: Doubt | null
  /** The replay that fits runs each request that stopped by itself once more. */
  readonly asynchronous: boolean
  /** Most tokens in a step: the scheduler's budget where any prompt was cut by it. */
  readonly tokenBudget: number
  /** Places where the replay did not fit and began anew, by reason. */
  readonly breaks: Readonly<Partial<Record<Doubt, number>>>
}

export const endOf = (step: EngineStep) => step.tNs + step.durNs

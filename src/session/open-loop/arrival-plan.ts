import type { RequestPlan } from '../../sources/requests/client.ts'
import type { Prompt } from '../../sources/requests/request-body.ts'
import type { Arrival, ArrivalPrompts } from '../../workload/arrivals/arrival.ts'

/** What all requests of a schedule have in common. */
export interface ArrivalPlanOptions {
  readonly prompts: ArrivalPrompts
  readonly model: string
  readonly sampling: Record<string, unknown>
  readonly seed: number
  readonly stream: boolean
  /** The model's length where a limit must be sent whatever the arrival says (the server would cut at 16 tokens), else null. */
  readonly roomOf: number | null
}

/**
 * The request of an arrival. Its prompt is made when it is asked for, and again if it is asked for again: what waits or
 * is in flight holds the bytes to send and not the prompt too.
 */
export class ArrivalPlan implements RequestPlan {
  readonly requestId: number
  readonly promptId = null
  readonly sessionId: string | null
  readonly turn: number | null
  readonly stage = null
  readonly size: number
  readonly requestedUnit = 'tokens'
  scheduledNs = Number.NaN
  heldNs: number | null = null
  readonly maxTokens: number | null
  readonly seed: number
  readonly phase = 'measured'
  readonly repeat = 0
  readonly attrs = null
  readonly intendedInputTokens: number
  readonly intendedCachedTokens: number
  private readonly arrival: Arrival
  private readonly options: ArrivalPlanOptions

  /** `intendedCachedTokens` as the prompts reported them in the schedule's order. */
  constructor(arrival: Arrival, intendedCachedTokens: number, options: ArrivalPlanOptions) {
    this.intendedCachedTokens = intendedCachedTokens
    this.arrival = arrival
    this.options = options
    this.requestId = arrival.index
    this.sessionId = arrival.session?.id ?? null
    this.turn = arrival.session?.turn ?? null
    this.size = arrival.inputTokens
    this.intendedInputTokens = arrival.inputTokens
    const { roomOf } = options
    this.maxTokens = arrival.outputTokens ?? (roomOf === null ? null : Math.max(1, roomOf - arrival.inputTokens))
    // One seed for all would give equal answers to equal prompts.
    this.seed = (options.seed + arrival.index) % 2 ** 31
  }

  get model(): string {
    return this.options.model
  }

  get sampling(): Record<string, unknown> {
    return this.options.sampling
  }

  get stream(): boolean {
    return this.options.stream
  }

  get prompt(): Prompt {
    return this.options.prompts.promptOf(this.arrival)
  }
}

/** One request of a trace or of a synthetic load, before it has a prompt. */
export interface Arrival {
  /** Its index in the whole schedule, before any sharding: it becomes `request_id`. */
  readonly index: number
  /**
   * µs since the schedule's start (a trace's first arrival, the start of synthetic load), never decreasing; the
   * offering side applies the speed-up. 0 for all in a closed loop.
   */
  readonly tUs: number
  readonly inputTokens: number
  /** null: the model decides when to end. */
  readonly outputTokens: number | null
  /**
   * The conversation it belongs to. `turn` counts from 0; `inputTokens` is the whole prompt, including the earlier
   * turns. `thinkUs`: the pause after the answer before, if the schedule gives it; otherwise the times decide. `after`:
   * the turn that it answers, if the schedule gives it (null: none that is offered); otherwise the turn before.
   */
  readonly session: {
    readonly id: string
    readonly turn: number
    readonly thinkUs?: number
    readonly after?: number | null
  } | null
  /** Its prompt starts with these tokens of the shared prefix `id`, up to `inputTokens`. Without `blocks`. */
  readonly prefix?: { readonly id: number; readonly tokens: number }
  /**
   * What its prompt shares with others: equal ids at the same place are equal blocks of `blockTokens` tokens.
   * The last block may be cut by `inputTokens`.
   */
  readonly blocks: { readonly ids: readonly number[]; readonly blockTokens: number } | null
}

/**
 * What was skipped or changed so far while a schedule was read, by reason (`failed_in_trace`, `overlong_skipped`, …).
 */
export type ScheduleCounts = Readonly<Record<string, number>>

/** A schedule that is read while it is offered: it is never completely in memory. */
export interface ArrivalSchedule {
  /** What run.json keeps of it: format, file, selection, process and parameters. No secrets in it. */
  readonly provenance: Readonly<Record<string, unknown>>
  /** What the user should know before the first request, a sentence each: span, rate, units, quirks. */
  readonly notes: readonly string[]
  /** Requests in all, and the trace time they span, µs; null where that is not known beforehand. */
  readonly total: number | null
  readonly spanUs: number | null
  /** Grows while it is read; final once `batches` has ended. */
  readonly counts: ScheduleCounts
  /** Its arrivals in order of time, from the one with index `from` (0); each call reads afresh. */
  batches(from?: number): AsyncGenerator<readonly Arrival[], void>
  /** Releases its resources, such as the sorted copy of an unsorted trace. It cannot be read afterwards. */
  close?(): Promise<void>
}

/** The prompts of a schedule's arrivals. */
export interface ArrivalPrompts {
  /** What run.json keeps of it: where the tokens come from, whether the counts are exact. */
  readonly provenance: Readonly<Record<string, unknown>>
  /** What the user should know before the first request. */
  readonly notes: readonly string[]
  /** The same arrival gives the same prompt, in whichever process, whenever and however often it is asked for. */
  promptOf(arrival: Arrival): string | TokenIdsText
  /**
   * Tokens at the start of the prompt that an earlier prompt of the schedule also had: what an unlimited prefix cache
   * would hold. Called once for every arrival of the schedule, in its order, including those that another process
   * sends.
   */
  intendedCachedTokens(arrival: Arrival): number
}

/** A prompt as token ids, already the text of a JSON array: writing thousands of numbers per request takes longer than sending them. */
export interface TokenIdsText {
  readonly tokenIdsJson: string
}

/** A row that was chosen, on its way to be an arrival. */
export interface ChosenRow {
  readonly tUs: number
  readonly input: number
  readonly output: number
  readonly line: number
  readonly session: string | null
  readonly turn: number
  /** Line of the row that it answers, NOT_SAID for none; null if the trace does not record that. */
  readonly parent: number | null
  readonly blocks: readonly number[] | null
}

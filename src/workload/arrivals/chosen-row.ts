/** A row that was chosen, on its way to be an arrival. */
export interface ChosenRow {
  readonly tUs: number
  readonly input: number
  readonly output: number
  readonly line: number
  readonly session: string | null
  readonly turn: number
  readonly blocks: readonly number[] | null
}

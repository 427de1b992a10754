import type { ScheduledLine, StepLogHead } from './step-lines.ts'

/** A request in a step: its number, its tokens, and how many were computed before. */
export type StepRow = readonly [number: number, tokens: number, computed: number]

/** What each step ran, from lines that say what differs from the one before. */
export class StepState {
  private readonly standAlone: boolean
  private rows: Map<number, StepRow> | null = null
  private last = -1

  constructor(head: StepLogHead) {
    this.standAlone = head.layerline_step_log === 1
  }

  /** What a step runs; null if that is not known because lines before it are missing, and if it was returned before. */
  next(line: ScheduledLine): StepRow[] | null {
    if (line.n <= this.last) return null
    if (this.standAlone || line.k === 1) this.rows = new Map()
    else if (line.n !== this.last + 1) this.rows = null
    this.last = line.n
    const { rows } = this
    if (rows === null) return null
    for (const number of [...line.f, ...line.g]) rows.delete(number)
    for (const [number, [, tokens, computed]] of rows) rows.set(number, [number, tokens, computed + tokens])
    for (const row of line.r) rows.set(row[0], row)
    return [...rows.values()]
  }
}

/** How many tokens came out of a request that a step's end does not list. */
export function tokensUnlisted(head: StepLogHead): number {
  return head.layerline_step_log === 1 ? 0 : 1
}

import { LayerlineError } from '../../base/errors.ts'
import { countOne, type RowCounts } from './row-batch.ts'

/** What happens to a row that cannot be read: an error with its place, or, with `skipBad`, one more in `bad_rows`. */
export class BadRows {
  readonly path: string
  private readonly skipBad: boolean
  private readonly counts: RowCounts

  constructor(path: string, skipBad: boolean, counts: RowCounts) {
    this.path = path
    this.skipBad = skipBad
    this.counts = counts
  }

  /** `what` says what is wrong and what was expected; `column` from 1 where it is known. */
  add(line: number, what: string, column?: number, why?: string): void {
    if (!this.skipBad) {
      const place = column === undefined ? `${line}` : `${line}:${column}`
      throw new LayerlineError('input/trace-row', `${this.path}:${place}: ${what}`, {
        hint: why ?? '--skip-bad leaves such rows out and counts them',
      })
    }
    countOne(this.counts, 'bad_rows')
  }

  count(reason: string): void {
    countOne(this.counts, reason)
  }
}

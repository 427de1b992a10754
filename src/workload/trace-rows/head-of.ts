import type { RowCounts, RowSource, TimeWindow, TraceRows } from './row-batch.ts'

/** The first rows of a source. */
export class HeadOf implements RowSource {
  /** There was more, and it was asked for. */
  isCut = false
  private readonly source: RowSource
  private readonly maxRows: number

  constructor(source: RowSource, maxRows: number) {
    this.source = source
    this.maxRows = maxRows
  }

  async *batches(counts: RowCounts, window?: TimeWindow): AsyncGenerator<TraceRows, void> {
    let rows = 0
    for await (const batch of this.source.batches(counts, window)) {
      if (rows >= this.maxRows) {
        this.isCut = true
        return
      }
      yield batch
      rows += batch.count
    }
  }
}

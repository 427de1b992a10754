import type { DuckDBValue } from '@duckdb/node-api'
import type { ColumnBatch } from '../sealed-run.ts'

/** Walks streamed rows one by one; awaits only where a batch ends. */
export class RowCursor {
  private readonly batches: AsyncGenerator<ColumnBatch>
  private batch: ColumnBatch = { rows: 0, columns: [] }
  private row = 0
  ended = false

  constructor(batches: AsyncGenerator<ColumnBatch>) {
    this.batches = batches
  }

  /** True where `at` may be called at once; else call `fill` first, unless it has ended. */
  get ready(): boolean {
    return this.row < this.batch.rows
  }

  async fill(): Promise<void> {
    if (this.ready || this.ended) return
    const next = await this.batches.next()
    this.row = 0
    if (next.done) {
      this.ended = true
      this.batch = { rows: 0, columns: [] }
    } else this.batch = next.value
  }

  at(column: number): DuckDBValue {
    return this.batch.columns[column]?.[this.row] as DuckDBValue
  }

  number(column: number): number {
    return this.batch.columns[column]?.[this.row] as number
  }

  next(): void {
    this.row++
  }
}

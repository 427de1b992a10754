import type { TraceLayout } from '../trace-formats/trace-format.ts'
import { BadRows } from './bad-rows.ts'
import { type Packing, sourceBytes } from './bytes/source-bytes.ts'
import { CsvRows } from './csv-rows.ts'
import { JsonRows } from './json-rows.ts'
import type { RowCounts, RowSource, TraceRows } from './row-batch.ts'
import type { FileHead } from './trace-head.ts'

export interface FileRowsOptions {
  readonly skipBad: boolean
  readonly onRead?: (bytes: number) => void
}

/** The rows of a CSV or JSONL file, in its own order. */
export class FileRows implements RowSource {
  private readonly head: FileHead
  private readonly layout: TraceLayout
  private readonly options: FileRowsOptions

  constructor(head: FileHead, layout: TraceLayout, options: FileRowsOptions) {
    this.head = head
    this.layout = layout
    this.options = options
  }

  async *batches(counts: RowCounts): AsyncGenerator<TraceRows, void> {
    const rows = rowsOf(this.head, this.layout, new BadRows(this.head.path, this.options.skipBad, counts))
    const packing: Packing = this.head.packing
    for await (const piece of sourceBytes(this.head.path, packing, this.options.onRead)) yield* rows.push(piece, false)
    yield* rows.push(new Uint8Array(0), true)
  }
}

/** What makes rows of a file's bytes. */
export function rowsOf(head: FileHead, layout: TraceLayout, bad: BadRows): CsvRows | JsonRows {
  return head.kind === 'csv' ? new CsvRows(head.columns, head.delimiter, layout, bad) : new JsonRows(layout, bad)
}

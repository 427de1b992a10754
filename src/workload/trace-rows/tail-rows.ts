import type { TraceLayout } from '../trace-formats/trace-format.ts'
import { BadRows } from './bad-rows.ts'
import { tailBytes } from './bytes/source-bytes.ts'
import { rowsOf } from './file-rows.ts'
import type { RowCounts, RowSource, TraceRows } from './row-batch.ts'
import type { FileHead } from './trace-head.ts'

const TAIL_BYTES = 128 * 1024

/** The last rows of a plain file, without reading the others. Their line numbers are not known: they count from 1. */
export class TailRows implements RowSource {
  private readonly head: FileHead
  private readonly layout: TraceLayout

  constructor(head: FileHead, layout: TraceLayout) {
    this.head = head
    this.layout = layout
  }

  async *batches(counts: RowCounts): AsyncGenerator<TraceRows, void> {
    const { bytes, at } = await tailBytes(this.head.path, TAIL_BYTES)
    const rows = rowsOf(this.head, this.layout, new BadRows(this.head.path, true, counts))
    // A CSV's first line is passed over as its header: here that is the row in which the tail begins.
    const from = this.head.kind === 'csv' || at === 0 ? 0 : bytes.indexOf(0x0a) + 1
    yield* rows.push(bytes.subarray(from), true)
  }
}

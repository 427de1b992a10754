import type { TraceLayout } from '../trace-formats/trace-format.ts'
import type { RowShape } from './row-batch.ts'

/** Which of the columns that not every trace has a layout gives. */
export function rowShape(layout: TraceLayout): RowShape {
  return {
    session: layout.columns.session !== undefined,
    turn: layout.columns.turn !== undefined,
    parent: layout.parent !== undefined,
    blocks: layout.blocks !== undefined,
  }
}

import type { Columns } from '../../store/live/row-buffer.ts'
import type { ColumnSpec } from '../../trace/columns.ts'
import type { RowShape, TraceRows } from '../trace-rows/row-batch.ts'

/** The columns of a normalised trace. Others come only where the trace has them. */
export function cacheColumns(shape: RowShape): Record<string, ColumnSpec> {
  return {
    t_us: ['f64', 'trace time, us; since 1970 where the trace says so'],
    input: ['u32', 'tokens of the prompt'],
    output: ['u32?', 'tokens of the answer'],
    line: ['u32', 'line of the source'],
    ...(shape.session ? { session: ['text?', 'conversation'] } : {}),
    ...(shape.turn ? { turn: ['u32?', "the trace's own number of the turn"] } : {}),
    ...(shape.parent ? { parent: ['u32?', 'line of the row that it answers'] } : {}),
    ...(shape.blocks ? { blocks: ['text?', "ids of the prompt's blocks, a JSON array"] } : {}),
  }
}

/** A batch as the database's appender takes it. */
export function asColumns(rows: TraceRows): Columns {
  return {
    t_us: rows.tUs,
    input: rows.input,
    output: rows.output,
    line: rows.line,
    ...(rows.session === null ? {} : { session: rows.session }),
    ...(rows.turn === null ? {} : { turn: rows.turn }),
    ...(rows.parent === null ? {} : { parent: rows.parent }),
    ...(rows.blocks === null ? {} : { blocks: blockTexts(rows.blocks, rows.count) }),
  }
}

function blockTexts(blocks: readonly (readonly number[] | null)[], count: number): (string | null)[] {
  return blocks.slice(0, count).map((ids) => (ids === null ? null : JSON.stringify(ids)))
}

import {
  type ArraysOf,
  baseType,
  type ColumnSpec,
  isNullable,
  NULL_OF,
  type RowInput,
  type TableDef,
} from '../../trace/columns.ts'
import type { RowWriter } from '../../trace/row-writer.ts'

/** Columns of one batch of rows on their way to the store. */
export type Columns = Record<string, Float64Array | Uint32Array | Uint16Array | Uint8Array | (string | null)[]>

/** The database's vector size: a batch of a table without strings is shipped at the first settle past it. */
export const VECTOR_ROWS = 2048

/** Texts of so many characters are shipped at the next settle, however few rows they are. */
const SHIP_TEXT = 4 * 2 ** 20

const ARRAYS = {
  f64: Float64Array,
  u32: Uint32Array,
  u16: Uint16Array,
  u8: Uint8Array,
  bool: Uint8Array,
  code: Uint8Array,
}

/** Empty columns for `rows` rows of a table. */
export function allocateColumns(table: TableDef, rows: number): Columns {
  const columns: Columns = {}
  for (const [name, spec] of Object.entries(table.columns)) {
    const type = baseType(spec[0])
    columns[name] = type === 'text' ? new Array<string | null>(rows).fill(null) : new ARRAYS[type](rows)
  }
  return columns
}

/**
 * A table's rows in typed arrays, handed to `ship` in batches. `ship` takes the columns over and returns empty ones to
 * continue with (recycled if possible), or undefined to have new ones made.
 */
export class RowBuffer<T extends TableDef> implements RowWriter<T> {
  readonly table: T
  columns: ArraysOf<T>
  /** More than what is shipped at once: room for what one socket read can add before the next settle. */
  readonly capacity: number
  private readonly shipAt: number
  private rows = 0
  private textLength = 0
  private readonly names: readonly [name: string, spec: ColumnSpec][]
  private readonly ship: (columns: Columns, rows: number) => Columns | undefined
  private readonly onFirst: () => void

  /** `onFirst` is called with the first row of each batch: there is something to flush. */
  constructor(
    table: T,
    ship: (columns: Columns, rows: number) => Columns | undefined,
    onFirst: () => void = () => undefined,
  ) {
    this.table = table
    this.ship = ship
    this.onFirst = onFirst
    this.names = Object.entries(table.columns)
    const hasText = this.names.some(([, spec]) => baseType(spec[0]) === 'text')
    this.capacity = hasText ? 512 : 2 * VECTOR_ROWS
    this.shipAt = hasText ? 128 : VECTOR_ROWS
    this.columns = allocateColumns(table, this.capacity) as unknown as ArraysOf<T>
  }

  next(): number {
    if (this.rows === this.capacity) this.flush()
    if (this.rows === 0) this.onFirst()
    return this.rows++
  }

  append(row: RowInput<T>): void {
    const at = this.next()
    const columns = this.columns as unknown as Columns
    const values = row as Record<string, string | number | boolean | null | undefined>
    for (const [name, spec] of this.names) {
      const value = values[name]
      const column = columns[name] as unknown as number[]
      const type = baseType(spec[0])
      if (value === null || value === undefined) {
        if (!isNullable(spec[0])) throw new TypeError(`${this.table.name}.${name} must not be NULL`)
        column[at] = (type === 'text' ? null : NULL_OF[type]) as number
      } else {
        column[at] = (typeof value === 'boolean' ? Number(value) : value) as number
        if (typeof value === 'string') this.textLength += value.length
      }
    }
    this.settle()
  }

  settle(): void {
    if (this.rows >= this.shipAt || this.textLength >= SHIP_TEXT) this.flush()
  }

  /** Ships the buffered rows, however few. */
  flush(): void {
    if (this.rows === 0) return
    const rows = this.rows
    this.rows = 0
    this.textLength = 0
    const fresh = this.ship(this.columns as unknown as Columns, rows)
    this.columns = (fresh ?? allocateColumns(this.table, this.capacity)) as unknown as ArraysOf<T>
  }
}

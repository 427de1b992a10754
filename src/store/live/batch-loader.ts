import {
  BOOLEAN,
  DOUBLE,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
  UINTEGER,
  USMALLINT,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import { type BaseType, baseType, type ColumnSpec, isNullable, NULL_OF } from '../../trace/columns.ts'
import { LIVE_TABLES, type LiveTableName } from '../../trace/tables.ts'
import { liveName } from '../live-schema.ts'
import { type Columns, VECTOR_ROWS } from './row-buffer.ts'

const TYPES: Record<BaseType, DuckDBType> = {
  f64: DOUBLE,
  u32: UINTEGER,
  u16: USMALLINT,
  u8: UTINYINT,
  code: UTINYINT,
  bool: BOOLEAN,
  text: VARCHAR,
}

interface Column {
  readonly name: string
  readonly type: BaseType
  readonly nullable: boolean
}

/** Appends batches of typed arrays to one table, a vector at a time: no value passes through JavaScript. */
export class BatchLoader {
  private readonly columns: readonly Column[]
  private readonly chunk: DuckDBDataChunk
  private readonly appender: DuckDBAppender
  private readonly validity = new Uint8Array(VECTOR_ROWS / 8)
  rows = 0

  private constructor(columns: Readonly<Record<string, ColumnSpec>>, appender: DuckDBAppender) {
    this.appender = appender
    this.columns = Object.entries(columns).map(([name, spec]) => ({
      name,
      type: baseType(spec[0]),
      nullable: isNullable(spec[0]),
    }))
    this.chunk = DuckDBDataChunk.create(this.columns.map((column) => TYPES[column.type]))
  }

  static async open(connection: DuckDBConnection, table: LiveTableName): Promise<BatchLoader> {
    return BatchLoader.openTable(connection, liveName(table), LIVE_TABLES[table].columns)
  }

  /** The same for any table with these columns, in this order. */
  static async openTable(
    connection: DuckDBConnection,
    name: string,
    columns: Readonly<Record<string, ColumnSpec>>,
  ): Promise<BatchLoader> {
    return new BatchLoader(columns, await connection.createAppender(name))
  }

  append(batch: Columns, rows: number): void {
    for (let from = 0; from < rows; from += VECTOR_ROWS)
      this.appendVector(batch, from, Math.min(VECTOR_ROWS, rows - from))
    this.rows += rows
  }

  flush(): void {
    this.appender.flushSync()
  }

  close(): void {
    this.appender.closeSync()
  }

  private appendVector(batch: Columns, from: number, count: number): void {
    // A reset makes every row of every column valid again.
    this.chunk.reset()
    this.chunk.rowCount = count
    this.columns.forEach((column, index) => {
      const vector = duckdb.data_chunk_get_vector(this.chunk.chunk, index)
      const values = batch[column.name]
      if (values === undefined) throw new TypeError(`batch without the column ${column.name}`)
      if (Array.isArray(values)) this.setTexts(vector, values, from, count)
      else this.setNumbers(vector, column, values, from, count)
    })
    this.appender.appendDataChunk(this.chunk)
  }

  private setTexts(vector: duckdb.Vector, values: readonly (string | null)[], from: number, count: number): void {
    let missing = false
    this.validity.fill(0xff)
    for (let i = 0; i < count; i++) {
      const text = values[from + i]
      if (text === null || text === undefined) {
        this.validity[i >> 3] = (this.validity[i >> 3] as number) & ~(1 << (i & 7))
        missing = true
      } else duckdb.vector_assign_string_element(vector, i, text)
    }
    if (missing) this.setValidity(vector)
  }

  private setNumbers(
    vector: duckdb.Vector,
    column: Column,
    values: Exclude<Columns[string], (string | null)[]>,
    from: number,
    count: number,
  ): void {
    const bytes = values.BYTES_PER_ELEMENT
    const buffer = values.buffer as ArrayBuffer
    duckdb.copy_data_to_vector(vector, 0, buffer, values.byteOffset + from * bytes, count * bytes)
    if (!column.nullable) return
    const nullValue = NULL_OF[column.type as keyof typeof NULL_OF]
    let missing = false
    this.validity.fill(0xff)
    for (let i = 0; i < count; i++) {
      const value = values[from + i] as number
      if (value === nullValue || (column.type === 'f64' && Number.isNaN(value))) {
        this.validity[i >> 3] = (this.validity[i >> 3] as number) & ~(1 << (i & 7))
        missing = true
      }
    }
    if (missing) this.setValidity(vector)
  }

  private setValidity(vector: duckdb.Vector): void {
    duckdb.vector_ensure_validity_writable(vector)
    duckdb.copy_data_to_vector_validity(vector, 0, this.validity.buffer, 0, this.validity.byteLength)
  }
}

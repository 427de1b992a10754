import { RowBuffer } from '../../src/store/live/row-buffer.ts'
import { baseType, NULL_OF, type RowOf, type TableDef } from '../../src/trace/columns.ts'

/** A writer that keeps its rows as objects, codes as their names: for tests and small tools. */
export function memoryRows<T extends TableDef>(table: T): { writer: RowBuffer<T>; rows(): RowOf<T>[] } {
  const kept: RowOf<T>[] = []
  const writer = new RowBuffer(table, (columns, count) => {
    for (let i = 0; i < count; i++) {
      const row: Record<string, unknown> = {}
      for (const [name, spec] of Object.entries(table.columns)) {
        const type = baseType(spec[0])
        const raw = columns[name]?.[i]
        const missing = type === 'text' ? raw === null : spec[0].endsWith('?') && Object.is(raw, NULL_OF[type])
        row[name] = missing ? null : type === 'code' ? spec[2]?.[raw as number] : type === 'bool' ? raw === 1 : raw
      }
      kept.push(row as RowOf<T>)
    }
    return undefined
  })
  return {
    writer,
    rows() {
      writer.flush()
      return kept
    },
  }
}

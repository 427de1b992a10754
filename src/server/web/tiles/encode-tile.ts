import type { TileHead, TilePart } from '../api-types.ts'
import { type Columns, rowCount } from './columns.ts'

/** Columns that hold amounts and times; all others are ids and counts. */
const WIDE = new Set(['t_ns', 'dur_ns', 'busy_ns', 'min', 'max', 'sent_ns', 'first_ns', 'end_ns'])

/** A tile as bytes: the length of its head as uint32, the head as JSON, then the columns, each from a multiple of 8 bytes on. */
export function encodeTile(
  level: number,
  index: number,
  parts: Readonly<Partial<Record<TilePart['name'], Columns>>>,
  names: Record<number, string>,
): ArrayBuffer {
  const head: TileHead = { level, index, parts: [], names }
  let length = 0
  const filled = Object.entries(parts) as [TilePart['name'], Columns][]
  for (const [name, columns] of filled) {
    const rows = rowCount(columns)
    head.parts.push({
      name,
      rows,
      columns: columns.names.map((column) => {
        const offset = length
        const type = WIDE.has(column) ? 'f64' : 'u32'
        length += Math.ceil((rows * (type === 'f64' ? 8 : 4)) / 8) * 8
        return { name: column, type, offset }
      }),
    })
  }
  const json = new TextEncoder().encode(JSON.stringify(head))
  const start = Math.ceil((4 + json.length) / 8) * 8
  const buffer = new ArrayBuffer(start + length)
  new DataView(buffer).setUint32(0, json.length, true)
  new Uint8Array(buffer).set(json, 4)
  for (const [i, [, columns]] of filled.entries()) {
    const part = head.parts[i] as TilePart
    for (const [j, { type, offset }] of part.columns.entries()) {
      const values = columns.data[j] as number[]
      if (type === 'f64') new Float64Array(buffer, start + offset, part.rows).set(values)
      else new Uint32Array(buffer, start + offset, part.rows).set(values)
    }
  }
  return buffer
}

import { LayerlineError } from '../../base/errors.ts'
import type { TraceHead } from './trace-format.ts'

/** The column as the file writes it, whatever its case, or undefined. */
export function columnOf(head: TraceHead, name: string): string | undefined {
  if (head.columns.includes(name)) return name
  return head.columns.find((column) => column.trim().toLowerCase() === name.toLowerCase())
}

export function hasColumns(head: TraceHead, ...names: readonly string[]): boolean {
  return names.every((name) => columnOf(head, name) !== undefined)
}

/** The column, or an error that lists the columns of the file. */
export function needColumn(head: TraceHead, name: string, format: string): string {
  const found = columnOf(head, name)
  if (found !== undefined) return found
  const there = head.columns.slice(0, 20).map((column) => `\`${column.slice(0, 40)}\``)
  throw new LayerlineError(
    'input/trace-columns',
    `${head.path}: no column \`${name}\`, which ${format} needs; found ${there.join(', ') || 'none'}`,
    { hint: '--format table --map ts=COLUMN,in=COLUMN,out=COLUMN reads any table' },
  )
}

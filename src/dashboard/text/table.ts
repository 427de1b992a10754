import { clip, pad, textWidth } from './text.ts'

export interface Column {
  title: string
  align?: 'left' | 'right'
  /** Cut longer texts to this. */
  max?: number
}

/** A cell, and how it is painted once it has been padded. */
export type Cell = string | { text: string; paint: (text: string) => string }

/** Columns as wide as their widest cell, two spaces apart; titles above. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  title: (text: string) => string,
): string[] {
  const texts = rows.map((row) => columns.map((column, i) => clip(textOf(row[i] ?? ''), column.max ?? 1000)))
  const widths = columns.map((column, i) =>
    Math.max(textWidth(column.title), ...texts.map((row) => textWidth(row[i] as string))),
  )
  const line = (cells: readonly string[], paint: (text: string, i: number) => string) =>
    cells
      .map((text, i) => paint(pad(text, widths[i] as number, columns[i]?.align), i))
      .join('  ')
      .trimEnd()
  return [
    line(
      columns.map((column) => column.title),
      title,
    ),
    ...texts.map((row, r) =>
      line(row, (text, i) => {
        const cell = rows[r]?.[i]
        return typeof cell === 'object' ? cell.paint(text) : text
      }),
    ),
  ]
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text
}

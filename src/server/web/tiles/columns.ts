/** Rows as columns of numbers: what a tile is made of and what is kept of it. */
export interface Columns {
  readonly names: readonly string[]
  readonly data: number[][]
}

export function columnsOf(...names: string[]): Columns {
  return { names, data: names.map(() => []) }
}

export function pushRow(columns: Columns, ...row: number[]): void {
  for (let i = 0; i < row.length; i++) (columns.data[i] as number[]).push(row[i] as number)
}

export function rowCount(columns: Columns): number {
  return columns.data[0]?.length ?? 0
}

/** Adds the rows of one to those of another of the same shape. */
export function append(to: Columns, from: Columns): void {
  for (let i = 0; i < to.data.length; i++) {
    const [target, source] = [to.data[i] as number[], from.data[i] as number[]]
    for (let row = 0; row < source.length; row++) target.push(source[row] as number)
  }
}

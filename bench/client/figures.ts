/** One figure of a bench: what it is, what it came to, what it should be. */
export interface Figure {
  readonly name: string
  readonly unit: string
  /** How it is measured. */
  readonly definition: string
  readonly median: number
  readonly min: number
  readonly max: number
  readonly repetitions: number
  /** At most (or at least) this. */
  readonly target: number | null
  readonly bound: 'at_most' | 'at_least'
  readonly met: boolean | null
}

/** A figure from its repetitions: the median, with the least and the greatest. */
export function figure(
  name: string,
  unit: string,
  definition: string,
  values: readonly number[],
  target: number | null = null,
  bound: Figure['bound'] = 'at_most',
): Figure {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const median =
    sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
  const met = target === null ? null : bound === 'at_most' ? median <= target : median >= target
  const [min = Number.NaN, max = Number.NaN] = [sorted[0], sorted.at(-1)]
  return { name, unit, definition, median, min, max, repetitions: values.length, target, bound, met }
}

export function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map((f) => [
    f.name,
    number(f.median),
    f.unit,
    f.repetitions > 1 ? `${number(f.min)} – ${number(f.max)}` : '',
    f.target === null ? '' : `${f.bound === 'at_most' ? '<=' : '>='} ${number(f.target)}${f.met ? '' : '  MISSED'}`,
  ])
  const all = [['figure', 'median', 'unit', 'min – max', 'target'], ...rows]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const line = (row: string[]) =>
    row
      .map((cell, i) => (i === 1 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return all.map(line).join('\n')
}

/** Each definition once, under the table. */
export function definitions(figures: readonly Figure[]): string {
  return figures.map((f) => `${f.name}: ${f.definition}`).join('\n')
}

function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

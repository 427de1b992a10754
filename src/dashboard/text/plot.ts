export interface Series {
  /** One character that marks its points. */
  mark: string
  points: readonly { x: number; y: number }[]
  paint: (text: string) => string
}

export interface PlotOptions {
  width: number
  height: number
  xText: (value: number) => string
  yText: (value: number) => string
}

/**
 * Points over two logarithmic axes, the lowest and the highest of each axis named. Values of 0 or less have no place on
 * such axes and are omitted; two points in one place show as the later series'. No lines where there are fewer than two
 * places along x.
 */
export function logPlot(series: readonly Series[], { width, height, xText, yText }: PlotOptions): string[] {
  const all = series.flatMap(({ points }) => points).filter(onAxes)
  const xs = all.map(({ x }) => x)
  const ys = all.map(({ y }) => y)
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  if (all.length === 0 || x0 === x1) return []
  const names = [yText(y1), yText(y0)]
  const margin = Math.max(...names.map((name) => name.length))
  const columns = Math.max(8, width - margin - 2)
  const rows: string[][] = Array.from({ length: height }, () => Array.from({ length: columns }, () => ' '))
  const place = (value: number, low: number, high: number, cells: number) =>
    high === low ? 0 : Math.round((Math.log(value / low) / Math.log(high / low)) * (cells - 1))
  for (const { mark, points, paint } of series) {
    for (const { x, y } of points.filter(onAxes)) {
      const row = rows[height - 1 - place(y, y0, y1, height)] as string[]
      row[place(x, x0, x1, columns)] = paint(mark)
    }
  }
  const label = (i: number) => (i === 0 ? names[0] : i === height - 1 && y0 !== y1 ? names[1] : '') as string
  const left = xText(x0)
  const right = xText(x1)
  return [
    ...rows.map((row, i) => `${label(i).padStart(margin)} ┤${row.join('')}`.trimEnd()),
    `${' '.repeat(margin)} └${'─'.repeat(columns)}`,
    `${' '.repeat(margin + 2)}${left}${' '.repeat(Math.max(1, columns - left.length - right.length))}${right}`,
  ]
}

function onAxes({ x, y }: { x: number; y: number }): boolean {
  return x > 0 && y > 0 && Number.isFinite(x) && Number.isFinite(y)
}

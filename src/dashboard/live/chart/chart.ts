import type { LiveStyle } from '../frame/live-style.ts'
import { Row } from '../frame/row.ts'
import { area } from './braille.ts'
import type { History } from './history.ts'
import type { Tone } from './palette.ts'
import { type SeriesName, type SeriesSpec, seriesOf } from './series.ts'
import { trimmed } from './short.ts'

/** Tops that an axis may have, within a factor of ten. */
const STEPS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10]
/** Room between what is highest now and the top of the axis. */
const HEADROOM = 1.02

/** The lowest of the steps that a value fits under. */
export function axisTop(highest: number): number {
  if (!(highest > 0)) return 1
  const size = 10 ** Math.floor(Math.log10(highest))
  const step = STEPS.find((each) => each * size >= highest * HEADROOM) ?? 15
  return step * size
}

export function toneOf(spec: SeriesSpec, value: number): Tone {
  if (spec.bad !== undefined && value >= spec.bad) return 'bad'
  if (spec.warn !== undefined && value >= spec.warn) return 'warn'
  return 'plain'
}

export interface ChartBox {
  readonly width: number
  /** Rows of the graph, the title not counted. */
  readonly height: number
  readonly windowNs: number
}

/** Columns of a chart of one row that go to its title. */
const TITLE_WIDTH = 20

/**
 * A chart with axis, graph and numbers in columns of their own, so that none moves another: the title above, then
 * `height` rows, each exactly `width` wide.
 */
export function chart(name: SeriesName, history: History, box: ChartBox, style: LiveStyle): string[] {
  const spec = seriesOf(name)
  const { palette, yWidth, numWidth } = style
  const { width, height, windowNs } = box
  const cells = Math.max(1, width - yWidth - 1 - 1 - numWidth)
  const highest = history.highest(name, windowNs)
  const top = spec.top ?? axisTop(highest)
  const values = history.folded(name, windowNs, cells * 2)
  const graph = area(values, top, height)
  const tones = cellTones(spec, values)
  const numbers = numberRows(spec, history.now(name), highest, meanOf(values), height)
  const title = new Row(width, palette)
    .to(yWidth + 1)
    .text(spec.title, 'strong')
    .end()
  const rows = graph.map((line, i) => {
    const row = new Row(width, palette)
    const label = i === 0 ? trimmed(spec.text(top)) : i === height - 1 ? '0' : null
    row.cell(label ?? '', yWidth, 'right', 'dim').text(label === null ? '│' : '┤', 'dim')
    paintGraph(row, line, tones, spec, style, height === 1 ? 1 : 1 - i / (height - 1))
    const number = numbers[i]
    if (number === undefined) return row.end()
    return row
      .text(' ')
      .cell(number.label, 4, 'left', 'dim')
      .cell(spec.text(number.value), Math.max(0, numWidth - 4), 'right', toneOf(spec, number.value))
      .end()
  })
  return [title, ...rows]
}

/** A chart in one row: title, graph, now and highest. */
export function sparkRow(name: SeriesName, history: History, box: ChartBox, style: LiveStyle): string {
  const spec = seriesOf(name)
  const { width, windowNs } = box
  const { numWidth, palette, noPlot, sparkWidth } = style
  const row = new Row(width, palette).text(' ').cell(spec.title, TITLE_WIDTH, 'left', 'strong')
  const highest = history.highest(name, windowNs)
  if (!noPlot) {
    const room = width - TITLE_WIDTH - 2 - 2 * (numWidth + 1)
    const cells = Math.max(1, Math.min(sparkWidth ?? room, room))
    const values = history.folded(name, windowNs, cells * 2)
    const line = area(values, spec.top ?? axisTop(highest), 1)[0] as string
    paintGraph(row, line, cellTones(spec, values), spec, style, 1)
  }
  for (const [label, value] of [
    ['now', history.now(name)],
    ['max', highest],
  ] as const)
    row
      .text(' ')
      .cell(label, 4, 'left', 'dim')
      .cell(spec.text(value), Math.max(0, numWidth - 4), 'right', toneOf(spec, value))
  return row.end()
}

function numberRows(spec: SeriesSpec, now: number, highest: number, mean: number, height: number) {
  const rows = [
    { label: 'now', value: now },
    { label: 'max', value: highest },
  ]
  // A mean of percentiles is none of anything.
  if (spec.fold === 'mean' && height > 2) rows.push({ label: 'avg', value: mean })
  return rows
}

function meanOf(values: Float64Array): number {
  const there = values.filter((value) => !Number.isNaN(value))
  return there.reduce((sum, value) => sum + value, 0) / there.length
}

/** The worse of the two values that share a cell decides its tone. */
function cellTones(spec: SeriesSpec, values: Float64Array): Tone[] {
  return Array.from({ length: values.length / 2 }, (_, i) => {
    const pair = [values[2 * i] as number, values[2 * i + 1] as number].map((value) => toneOf(spec, value))
    return pair.includes('bad') ? 'bad' : pair.includes('warn') ? 'warn' : 'plain'
  })
}

/** Runs of cells of one tone are painted together. */
function paintGraph(
  row: Row,
  whole: string,
  tones: readonly Tone[],
  spec: SeriesSpec,
  style: LiveStyle,
  height: number,
) {
  const line = whole.slice(0, row.left)
  for (let start = 0; start < line.length; ) {
    let end = start + 1
    while (end < line.length && tones[end] === tones[start]) end++
    const part = line.slice(start, end)
    const tone = tones[start] as Tone
    const { palette } = style
    const painted = tone === 'plain' ? palette.graph(part, spec.hue, height) : palette.paint(part, tone)
    row.line({ painted, columns: part.length })
    start = end
  }
}

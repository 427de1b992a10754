import { printable } from '../../text/text.ts'
import { type ChartBox, chart, sparkRow } from '../chart/chart.ts'
import type { Tone } from '../chart/palette.ts'
import type { SeriesName } from '../chart/series.ts'
import { clockTime, trimmed } from '../chart/short.ts'
import { type LiveState, VIEWS, type ViewName } from '../live-state.ts'
import { deviceRows, factRows } from './fact-rows.ts'
import { progressRow, titleRow } from './header.ts'
import { HELP } from './help.ts'
import { latencyTable } from './latency-table.ts'
import type { FrameSize, LiveStyle } from './live-style.ts'
import { Row } from './row.ts'

/** The charts of each view, the most telling first: as many are drawn as there is room for. */
const CHARTS: Readonly<Record<ViewName, readonly SeriesName[]>> = {
  load: [
    'requests',
    'output',
    'ttft95',
    'tpot95',
    'input',
    'e2e95',
    'inFlight',
    'itl95',
    'rx',
    'lag99',
    'kvCache',
    'gpu',
    'gpuPower',
    'cpu',
    'waiting',
  ],
  latency: ['ttft95', 'tpot95', 'itl95', 'e2e95', 'e2e50', 'e2e99', 'ttft50', 'ttft99', 'itl99', 'lag99'],
  machine: [
    'inFlight',
    'waiting',
    'kvCache',
    'gpu',
    'gpuPower',
    'cpu',
    'running',
    'gpuMemory',
    'clientCores',
    'loopDelay',
    'cpuPower',
    'rx',
    'tx',
    'failed',
  ],
}

const WIDE = 170
/** What the table of latencies needs, and a gap. */
const TABLE_WIDTH = 84
const PAIR = 76
const GAP = 2
const LEAST_HEIGHT = 2
const LEAST_GRAPH = 6
const HIGHEST = 12
/** Below it the table gives way to the charts. */
const ROWS_FOR_TABLE = 20
const ROWS_FOR_SPACE = 28

/**
 * One picture of a run: exactly `rows` lines, each exactly `columns` wide; what does not fit is omitted, the least
 * important first.
 */
export function frame(state: LiveState, { columns, rows }: FrameSize, style: LiveStyle): string[] {
  const blank = ' '.repeat(Math.max(0, columns))
  const space = rows >= ROWS_FOR_SPACE ? [blank] : []
  const head = [titleRow(state, columns, style), progressRow(state, columns, style), ...space]
  const foot = [footRow(state, columns, style)]
  const notes = noteRows(state, columns, rows, style)
  const below = [...space, ...belowCharts(state, columns, rows, style), ...notes]
  const room = rows - head.length - foot.length - below.length
  const middle = state.help ? helpRows(columns, style) : charts(state, columns, room, style)
  const lines = [...head, ...middle.slice(0, Math.max(0, room))]
  while (lines.length < rows - foot.length - below.length) lines.push(blank)
  lines.push(...below)
  return [...lines.slice(0, Math.max(0, rows - foot.length)), ...foot].slice(0, rows)
}

function belowCharts(state: LiveState, columns: number, rows: number, style: LiveStyle): string[] {
  const { figures, view, sampleIntervalMs } = state
  const recent = trimmed(`${(sampleIntervalMs / 1000).toFixed(1)}s`)
  const table = (width: number) => (rows >= ROWS_FOR_TABLE ? latencyTable(figures, recent, width, style) : [])
  if (figures === null) return table(columns)
  if (view === 'machine') return [...deviceRows(figures, columns, style), ...factRows(figures, columns, style)]
  if (columns >= WIDE)
    return beside(table(TABLE_WIDTH), factRows(figures, columns - TABLE_WIDTH, style), columns, style)
  const space = rows >= ROWS_FOR_SPACE ? [' '.repeat(columns)] : []
  return [...table(columns), ...space, ...factRows(figures, columns, style)]
}

/** The right lines beside the left ones, which are of the table's width; both end on the same row. */
function beside(left: readonly string[], right: readonly string[], columns: number, style: LiveStyle): string[] {
  const height = Math.max(left.length, right.length)
  return Array.from({ length: height }, (_, y) => {
    const row = new Row(columns, style.palette)
    const first = left[y - (height - left.length)]
    const second = right[y - (height - right.length)]
    if (first !== undefined) row.line({ painted: first, columns: TABLE_WIDTH })
    row.to(TABLE_WIDTH)
    if (second !== undefined) row.line({ painted: second, columns: columns - TABLE_WIDTH })
    return row.end()
  })
}

function charts(state: LiveState, columns: number, room: number, style: LiveStyle): string[] {
  const names = CHARTS[state.view].filter((name) => state.history.has(name))
  const across = chartsAcross(columns, style)
  const width = Math.floor((columns - 1 - (across - 1) * GAP) / across)
  const least = (style.plotHeight ?? LEAST_HEIGHT) + 1
  if (style.noPlot || style.plotRows === 1 || room < least || width < style.yWidth + style.numWidth + LEAST_GRAPH) {
    const box = { width: columns, height: 1, windowNs: state.windowNs }
    return names.slice(0, Math.max(0, room)).map((name) => sparkRow(name, state.history, box, style))
  }
  const most = Math.max(
    1,
    Math.floor(room / Math.max(least, style.plotHeight === undefined ? heightWanted(room) + 1 : least)),
  )
  const down = Math.min(most, Math.ceil(names.length / across))
  const height = Math.min(HIGHEST, style.plotHeight ?? Math.floor(room / Math.max(1, down)) - 1)
  const graphWidth = style.sparkWidth === undefined ? width : style.yWidth + 2 + style.sparkWidth + style.numWidth
  const box: ChartBox = { width: Math.min(width, graphWidth), height, windowNs: state.windowNs }
  const spare = room - down * (height + 1)
  const lines: string[] = []
  for (let i = 0; i < down; i++) {
    const band = names.slice(i * across, (i + 1) * across).map((name) => chart(name, state.history, box, style))
    for (let y = 0; y <= height; y++) {
      const row = new Row(columns, style.palette).text(' ')
      for (const [x, drawn] of band.entries()) {
        row.to(1 + x * (box.width + GAP)).line({ painted: drawn[y] as string, columns: box.width })
      }
      lines.push(row.end())
    }
    if (spare >= down - 1 && i < down - 1) lines.push(' '.repeat(columns))
  }
  return lines
}

/** Charts grow with the terminal, and there are more of them. */
function heightWanted(room: number): number {
  return room >= 36 ? 8 : room >= 24 ? 5 : room >= 15 ? 4 : room >= 12 ? 3 : LEAST_HEIGHT
}

function chartsAcross(columns: number, { sparkWidth, yWidth, numWidth }: LiveStyle): number {
  if (sparkWidth !== undefined)
    return Math.max(1, Math.floor((columns - 1 + GAP) / (yWidth + 2 + sparkWidth + numWidth + GAP)))
  return columns >= WIDE ? 3 : columns >= PAIR ? 2 : 1
}

/** The newest notes and the last failure, as many as there is room for. */
function noteRows({ notes, figures }: LiveState, columns: number, rows: number, style: LiveStyle): string[] {
  const most = rows >= ROWS_FOR_SPACE ? 3 : rows >= ROWS_FOR_TABLE ? 1 : 0
  const failure = figures?.lastError ?? null
  const row = (text: string, tone: Tone) => new Row(columns, style.palette).text(` ${printable(text)}`, tone).end()
  const all = [
    ...notes.map((note) => row(note, 'dim')),
    ...(failure === null ? [] : [row(`last failure: ${failure}`, 'warn')]),
  ]
  return all.slice(all.length - Math.min(most, all.length))
}

function helpRows(columns: number, style: LiveStyle): string[] {
  return HELP.map(([key, what]) =>
    new Row(columns, style.palette).text('   ').cell(key, 12, 'left', 'strong').text(what).end(),
  )
}

function footRow({ view, windowNs, keys, help }: LiveState, columns: number, style: LiveStyle): string {
  const row = new Row(columns, style.palette).text(' ')
  for (const [i, name] of VIEWS.entries()) {
    row
      .text(`${i + 1} `, 'dim')
      .text(name, name === view ? 'strong' : 'dim')
      .text('  ')
  }
  row.text(`│ last ${clockTime(windowNs)} `, 'dim')
  if (!keys) return row.end()
  const hint = help ? '? back ' : 'space hold  +- zoom  q quit  ? help '
  return row.atRight(hint, 'dim').end()
}

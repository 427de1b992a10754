import { rowsNeeded } from '../../../analysis/intervals/rank-interval.ts'
import type { LiveFigures, Quantiles } from '../../../session/live/live-figures.ts'
import { toneOf } from '../chart/chart.ts'
import type { Tone } from '../chart/palette.ts'
import { type SeriesName, seriesOf } from '../chart/series.ts'
import { NONE, shortCount, shortDuration } from '../chart/short.ts'
import type { LiveStyle } from './live-style.ts'
import { Row } from './row.ts'

const ROWS: readonly [label: string, key: keyof LiveFigures['latency'], limits: SeriesName][] = [
  ['TTFT', 'ttft', 'ttft95'],
  ['TPOT', 'tpot', 'tpot95'],
  ['ITL', 'itl', 'itl95'],
  ['E2E', 'e2e', 'e2e95'],
  ['send lag', 'lag', 'lag99'],
]
const LABEL = 9
const COLUMN = 8

/** Recent and total percentiles of each latency. A percentile that too few requests stand behind is dim. */
export function latencyTable(figures: LiveFigures | null, recent: string, width: number, style: LiveStyle): string[] {
  const head = new Row(width, style.palette).text(' ').cell('latency', LABEL, 'left', 'strong')
  cells(head, [`${recent} p50`, 'p95', 'p99'], 'dim')
  head.text(' │', 'dim')
  cells(head, ['run p50', 'p95', 'p99', 'max', 'n'], 'dim')
  const rows = ROWS.map(([label, key, limits]) => {
    const row = new Row(width, style.palette).text(' ').cell(label, LABEL)
    const latency = figures?.latency[key]
    const spec = seriesOf(limits)
    const put = (quantiles: Quantiles | undefined, name: 'p50Ns' | 'p95Ns' | 'p99Ns', share: number) => {
      const value = quantiles?.[name] ?? Number.NaN
      const few = (quantiles?.n ?? 0) < rowsNeeded(share)
      const tone = toneOf(spec, value)
      row.cell(shortDuration(value), COLUMN, 'right', few ? 'dim' : tone)
    }
    for (const part of ['recent', 'total'] as const) {
      if (part === 'total') row.text(' │', 'dim')
      put(latency?.[part], 'p50Ns', 0.5)
      put(latency?.[part], 'p95Ns', 0.95)
      put(latency?.[part], 'p99Ns', 0.99)
    }
    const { maxNs = Number.NaN, n = 0 } = latency?.total ?? {}
    row.cell(shortDuration(maxNs), COLUMN, 'right').cell(n === 0 ? NONE : shortCount(n), COLUMN, 'right', 'dim')
    return row.end()
  })
  return [head.end(), ...rows]
}

function cells(row: Row, texts: readonly string[], tone: Tone): void {
  for (const text of texts) row.cell(text, COLUMN, 'right', tone)
}

import type { Distribution } from '../../analysis/intervals/distribution.ts'
import { duration, many, threeDigits } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import type { LoadBin } from '../../analysis/steady-state/over-time.ts'
import type { SteadyWindow } from '../../analysis/steady-state/steady-state.ts'
import { distributionCells } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { sparkline } from '../text/sparkline.ts'
import { table } from '../text/table.ts'

const COLUMNS = 50

/** The load over time, which part of it was steady, what that excludes, and the figures inside. */
export function steadyLines({ steady }: Report, paint: Paint): string[] {
  if (steady === null) return []
  const { bins, bin_s } = steady.over_time
  const span = bin_s * bins.length
  const lines = table(
    [{ title: '' }, { title: `0–${duration(span * 1e3)}` }, { title: 'most', align: 'right' }],
    (
      [
        ['offered /s', 'offered_per_s'],
        ['done /s', 'answered_per_s'],
        ['failed /s', 'failed_per_s'],
        ['in flight', 'in_flight'],
        ['output tok/s', 'output_tokens_per_s'],
      ] as const
    ).flatMap(([title, key]) => {
      const values = columnsOf(bins, key)
      const most = Math.max(...values)
      return most === 0
        ? []
        : [
            [
              { text: title, paint: paint.bold },
              { text: sparkline(values, most), paint: paint.cyan },
              threeDigits(most),
            ],
          ]
    }),
    paint.dim,
  )
  const { window } = steady
  if (window === null) return [...lines, paint.yellow(unsettledText(steady.unsettled))]
  const column = (s: number) => Math.round((s / span) * COLUMNS)
  const from = column(window.from_s)
  const to = Math.max(from + 1, column(window.to_s))
  return [
    ...lines,
    `${'steady'.padEnd(14)}${paint.dim('·'.repeat(from))}${paint.green('━'.repeat(to - from))}${paint.dim('·'.repeat(COLUMNS - to))}`,
    ...windowLines(window, paint),
  ]
}

function windowLines(window: SteadyWindow, paint: Paint): string[] {
  const { warmup, drain } = window
  const rows: [string, Distribution][] = [
    ['TTFT', window.ttft_ms],
    ['TPOT', window.tpot_ms],
    ['E2E', window.e2e_ms],
  ]
  const cells = rows.flatMap(([name, d]) => (d === null ? [] : [{ name, ...distributionCells(d) }]))
  return [
    `excluded: ${duration(warmup.s * 1e3)} of warm-up with ${many('request', warmup.requests)}, ${duration(drain.s * 1e3)} of drain with ${many('request', drain.requests)}`,
    `inside: ${many('request', window.requests)} · offered ${threeDigits(window.offered_per_s)}/s · done ${threeDigits(window.answered_per_s)}/s · in flight ${threeDigits(window.in_flight)}`,
    ...table(
      [{ title: 'inside' }, { title: 'n', align: 'right' }, { title: 'p50' }, { title: 'p90' }, { title: 'p99' }],
      cells.map(({ name, unit, n, percentiles }) => [
        { text: `${name} ${unit}`, paint: paint.bold },
        n,
        ...percentiles.map((text) => (text.startsWith('too few') ? { text, paint: paint.dim } : text)),
      ]),
      paint.dim,
    ),
  ]
}

function unsettledText(where: 'front' | 'back' | 'both' | null): string {
  if (where === 'front') return 'not steady: the load had not settled by the middle of the run'
  return where === 'back'
    ? 'not steady: the load changed from the middle of the run on'
    : 'not steady: the load kept changing'
}

/** Means of neighbouring stretches, one a column. */
function columnsOf(bins: readonly LoadBin[], key: keyof LoadBin): number[] {
  const each = Math.max(1, bins.length / COLUMNS)
  return Array.from({ length: Math.min(COLUMNS, bins.length) }, (_, i) => {
    const part = bins.slice(Math.floor(i * each), Math.floor((i + 1) * each))
    return part.reduce((sum, bin) => sum + bin[key], 0) / part.length
  })
}

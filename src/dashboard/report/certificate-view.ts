import type { CertifiedEffect } from '../../analysis/certify/certificate.ts'
import { durationUnit, percent, threeDigits } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import type { Paint } from '../text/paint.ts'
import { type Cell, table } from '../text/table.ts'

/** A figure's name, its unit, and what its values are multiplied by to be in it. */
type Figure = (off: number) => { name: string; unit: string; per: number }

const time =
  (name: string): Figure =>
  (off) => {
    const { unit, perMs } = durationUnit(off)
    return { name, unit, per: perMs }
  }

/** What each layer adds to latency and takes from throughput, or that it is not decided. */
export function certificateLines({ certificate }: Report, paint: Paint): string[] {
  if (certificate === null) return []
  const right = (title: string) => ({ title, align: 'right' as const })
  const rows = certificate.layers.flatMap(({ layer, off, block_s, itl_ms, ttft_ms, output_tokens_per_s }) => [
    [{ text: layer, paint: paint.bold }, `${off} in blocks of ${threeDigits(block_s)} s`, '', '', ''],
    figureRow(time('ITL'), itl_ms),
    figureRow(time('TTFT'), ttft_ms),
    figureRow(() => ({ name: 'output', unit: 'tokens/s', per: 1 }), output_tokens_per_s),
  ])
  return table(
    [{ title: 'layer' }, { title: '' }, right('without it'), right('it adds'), { title: '' }],
    rows,
    paint.dim,
  )
}

function figureRow(figure: Figure, effect: CertifiedEffect): Cell[] {
  if ('too_few' in effect) {
    const { name } = figure(0)
    return [`  ${name}`, `${effect.pairs} pairs`, '', '', `too few pairs of blocks (<${effect.too_few})`]
  }
  const { name, unit, per } = figure(effect.off)
  const { pairs, off, low, high, decided } = effect
  const signed = (value: number) => `${value < 0 ? '−' : '+'}${threeDigits(Math.abs(value * per))}`
  const share = (value: number) => `${value < 0 ? '−' : '+'}${percent(Math.abs(value / off))}`
  const range = `${share(low)} to ${share(high)}`
  return [
    `  ${name}`,
    `${pairs} pairs`,
    `${threeDigits(off * per)} ${unit}`,
    `${signed(effect.effect)} (${signed(low)} to ${signed(high)})`,
    decided ? range : `undecided: ${range}`,
  ]
}

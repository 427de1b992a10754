import { many, percent, wholeNumber } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import { limitText } from '../../analysis/slo/slo.ts'
import { rateText } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'

/** Which share of the requests kept the limits, and how many of those came a second. */
export function sloLines({ slo }: Report, paint: Paint): string[] {
  if (slo === null) return []
  const { slo_attainment: share, goodput } = slo
  if (share === null) return ['no request was offered: there is nothing to judge']
  const limits = share.low === null || share.high === null ? '' : ` (${percent(share.low)}–${percent(share.high)})`
  const lines = [
    `${paint.bold('attainment')} ${percent(share.value)}${limits}: ${wholeNumber(slo.met)} of ${many('request', slo.offered)} kept every limit`,
  ]
  if (slo.offered > slo.answered) {
    lines.push(paint.dim(`${many('request', slo.offered - slo.answered)} not answered: offered, and kept nothing`))
  }
  if (goodput !== null) {
    lines.push(
      `${paint.bold('goodput')} ${rateText(goodput.requests_per_s, 'requests/s')} · output ${rateText(goodput.output_tokens_per_s, 'tok/s')}`,
    )
  }
  const right = (title: string) => ({ title, align: 'right' as const })
  const unknown = slo.limits.some((limit) => limit.unknown > 0)
  return [
    ...lines,
    ...table(
      [{ title: 'of the answered' }, right('kept'), right('broke'), ...(unknown ? [right('not known')] : [])],
      slo.limits.map((limit) => [
        limitText(limit),
        wholeNumber(limit.met),
        wholeNumber(limit.missed),
        ...(unknown ? [wholeNumber(limit.unknown)] : []),
      ]),
      paint.dim,
    ),
  ]
}

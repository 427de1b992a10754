import { many, percent, threeDigits } from '../../analysis/quantity.ts'
import type { Roofline } from '../../analysis/roofline/roofline.ts'
import { NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'

/** The work of each kind of step beside what the machine can do, where that was declared. */
export function rooflineLines(found: Roofline | null, paint: Paint): string[] {
  if (found === null) return []
  const { peaks, attention, kinds, steps_left_out: leftOut } = found
  const right = (title: string) => ({ title, align: 'right' as const })
  const lines = table(
    [
      { title: '' },
      ...['steps', 'tokens', 'FLOPs/byte', 'GFLOP/s', 'GB/s'].map(right),
      { title: 'bound by' },
      right('of the roof'),
    ],
    kinds.map((each) => [
      { text: each.kind, paint: paint.bold },
      String(each.steps),
      String(each.tokens),
      threeDigits(each.flops_per_byte),
      threeDigits(each.flops_per_s / 1e9),
      threeDigits(each.bytes_per_s / 1e9),
      each.bound ?? NOTHING,
      each.attained_share === null ? NOTHING : percent(each.attained_share),
    ]),
    paint.dim,
  )
  const facts = [
    peaks === null
      ? 'no peaks declared: no bound is claimed'
      : `declared peaks: ${threeDigits(peaks.flops_per_s / 1e12)} TFLOP/s, ${threeDigits(peaks.bytes_per_s / 1e9)} GB/s, ridge at ${threeDigits(peaks.ridge_flops_per_byte)} FLOPs/byte`,
    attention === 'left_out' ? 'attention excluded: contexts are not known' : '',
    leftOut === 0 ? '' : `${many('step', leftOut)} excluded: contexts not known`,
  ]
  return [...lines, paint.dim(facts.filter(Boolean).join(' · '))]
}

import type { OpSource, OpTop } from '../../analysis/kernels/op-totals.ts'
import { threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import { NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'
import { clip, printable } from '../text/text.ts'

/** Sums of sources that kept no times: what each counted, and what was most of it. */
export function operatorLines(sources: readonly OpSource[] | null, width: number, paint: Paint): string[] {
  if (sources === null) return []
  const lines = table(
    [
      { title: 'counted in', max: 28 },
      { title: 'of', max: 28 },
      { title: 'ops', align: 'right' },
      { title: 'with inputs', align: 'right' },
      { title: 'count', align: 'right' },
      { title: 'CPU ms', align: 'right' },
      { title: 'device ms', align: 'right' },
      { title: 'kernels', align: 'right' },
    ],
    sources.map((source) => [
      printable(source.source.split('/').at(-1) ?? ''),
      printable([source.model?.split('/').at(-1), source.mode].filter(Boolean).join(' ')),
      wholeNumber(source.ops),
      wholeNumber(source.shapes),
      `${count(source.count)}${source.counted === 'graph_nodes' ? ' nodes' : ''}`,
      ms(source.self_cpu_ms),
      ms(source.device_ms),
      wholeNumber(source.kernels),
    ]),
    paint.dim,
  ).map((line) => clip(line, width))
  for (const source of sources) {
    if (source.top.length === 0) continue
    lines.push(paint.dim(`most of ${printable(source.source)}`))
    const rows = source.top.map((top) => ({ name: printable(top.op), figures: topFigures(top, source) }))
    for (const { name, figures } of rows) {
      lines.push(`  ${clip(name, Math.max(20, width - figures.length - 6))}  ${figures}`)
    }
  }
  return lines
}

function topFigures(
  { count: n, shapes, self_cpu_ms, device_ms, self_device_ms, kernels }: OpTop,
  { counted }: OpSource,
): string {
  return [
    ...deviceFigure(device_ms, self_device_ms),
    ...(self_cpu_ms === null ? [] : [`${threeDigits(self_cpu_ms)} ms CPU`]),
    `${count(n)} ${counted === 'calls' ? 'calls' : 'nodes'}`,
    ...(shapes > 0 ? [`${wholeNumber(shapes)} inputs`] : []),
    ...(kernels > 0 ? [`${wholeNumber(kernels)} kernels`] : []),
  ].join(', ')
}

/** A source that says only the time with inner operators says so: these do not add up. */
function deviceFigure(all: number | null, own: number | null): string[] {
  if (own !== null) return own === 0 ? [] : [`${threeDigits(own)} ms on the device`]
  return all === null || all === 0 ? [] : [`${threeDigits(all)} ms on the device with inner operators`]
}

function count(value: number | null): string {
  return value === null ? NOTHING : wholeNumber(value)
}

function ms(value: number | null): string {
  return value === null ? NOTHING : threeDigits(value)
}

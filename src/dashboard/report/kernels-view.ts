import type { HtaKernels, Kernels } from '../../analysis/kernels/kernels.ts'
import type { OperatorTime } from '../../analysis/kernels/operators.ts'
import { threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import { NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'
import { clip, printable } from '../text/text.ts'

const KERNELS_SHOWN = 5

/** Engine steps by kind, and what took most of their time. */
export function kernelLines(kernels: Kernels | HtaKernels | null, width: number, paint: Paint): string[] {
  if (kernels === null) return []
  const standIns = kernels.source === 'cpu_op'
  const what = standIns ? 'operators' : 'kernels'
  const lines = standIns
    ? ['nothing ran on a GPU: operators (cpu_op), by their own time, stand in for kernels']
    : [`${kernels.kernels} kernels, copies and fills, ${threeDigits(kernels.busy_ms)} ms of them`]
  if (kernels.steps.length > 0) {
    lines.push(
      ...table(
        [
          { title: 'steps' },
          { title: 'n', align: 'right' },
          { title: 'tokens', align: 'right' },
          { title: 'ms, median', align: 'right' },
          { title: 'ms/token', align: 'right' },
          { title: `${what}/step`, align: 'right' },
          { title: 'busy', align: 'right' },
          { title: 'launch-bound', align: 'right' },
        ],
        kernels.steps.map((step) => [
          step.kind,
          String(step.steps),
          String(step.prefill_tokens + step.decode_tokens),
          orDash(step.median_ms),
          orDash(step.ms_per_token),
          orDash(step.kernels_per_step),
          percent(step.busy_share),
          percent(step.launch_bound_share),
        ]),
        paint.dim,
      ),
    )
    for (const { kind } of kernels.steps) {
      const most = kernels.step_kernels.filter((each) => each.kind === kind).slice(0, KERNELS_SHOWN)
      if (most.length === 0) continue
      lines.push(paint.dim(`${kind}: most time`))
      for (const each of most) {
        const perToken = each.us_per_token === null ? '' : `, ${threeDigits(each.us_per_token)} us a token`
        const figures = `${threeDigits(each.total_ms)} ms in ${each.count}${perToken}`
        lines.push(`  ${clip(printable(each.name), Math.max(20, width - figures.length - 6))}  ${figures}`)
      }
    }
  }
  lines.push(...operatorLines(kernels.operators, width, paint))
  const skew = kernels.clock_skew
  if (skew !== null && skew.negative > 0) {
    lines.push(
      `clock skew: ${skew.negative} of ${skew.launches} kernels begin before the call that launched them, by up to ${threeDigits(-(skew.worst_us ?? 0))} us`,
    )
  }
  return 'rules' in kernels ? [...lines, ...htaLines(kernels, paint)] : lines
}

function operatorLines(operators: readonly OperatorTime[], width: number, paint: Paint): string[] {
  if (operators.length === 0) return []
  return table(
    [
      { title: 'operator', max: Math.max(20, width - 46) },
      { title: 'calls', align: 'right' },
      { title: 'self ms', align: 'right' },
      { title: 'share', align: 'right' },
      { title: 'ms with inner', align: 'right' },
    ],
    operators.map(({ name, count, self_ms, share, total_ms }) => [
      printable(name),
      wholeNumber(count),
      threeDigits(self_ms),
      percent(share),
      threeDigits(total_ms),
    ]),
    paint.dim,
  )
}

function htaLines(kernels: HtaKernels, paint: Paint): string[] {
  const overlap = new Map(kernels.overlap.map(({ rank, overlap_pct }) => [rank, overlap_pct]))
  const launches = new Map(kernels.launches.map(({ rank, count }) => [rank, count]))
  return [
    ...table(
      [
        { title: "HTA's rules: rank" },
        { title: 'idle us', align: 'right' },
        { title: 'compute us', align: 'right' },
        { title: 'other us', align: 'right' },
        { title: 'overlap %', align: 'right' },
        { title: 'launches', align: 'right' },
      ],
      kernels.temporal_breakdown.map((row) => [
        String(row.rank),
        wholeNumber(row.idle_us),
        wholeNumber(row.compute_us),
        wholeNumber(row.non_compute_us),
        orDash(overlap.get(row.rank) ?? null),
        String(launches.get(row.rank) ?? 0),
      ]),
      paint.dim,
    ),
    ...kernels.warnings.map((each) => paint.yellow(warningLine(each))),
  ]
}

function warningLine({ code, rank, stream, count, us }: HtaKernels['warnings'][number]): string {
  const where = `HTA's rules: rank ${rank}`
  const time = threeDigits(us ?? 0)
  switch (code) {
    case 'idle/negative':
      return `${where}, stream ${stream}: idle time is ${time} us too short, ${count} kernels start before the previous one ends`
    case 'temporal/negative':
      return `${where}: ${count} parts of the temporal breakdown are below 0, by ${time} us: starts are rounded up and ends down`
    case 'annotation/none':
      return 'no critical path: no event has the text of --annotation in its name'
    case 'path/cycle':
      return `${where}: ${count} critical paths are missing, the order of their events contradicts itself`
  }
}

function orDash(value: number | null): string {
  return value === null ? NOTHING : threeDigits(value)
}

function percent(share: number | null): string {
  return share === null ? NOTHING : `${wholeNumber(Math.round(share * 100))} %`
}

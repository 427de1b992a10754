import type { Distribution } from '../../analysis/intervals/distribution.ts'
import { many, percent, threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import { distributionCells, durationOr, NARROW, NOTHING, rateText } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { bar } from '../text/sparkline.ts'
import { table } from '../text/table.ts'
import { pad } from '../text/text.ts'

export function latencyLines({ latency }: Report, width: number, paint: Paint): string[] {
  const narrow = width < NARROW
  const rows: [string, Distribution][] = [
    ['TTFT', latency.ttft_ms],
    ['ITL', latency.itl_ms],
    [narrow ? 'ITL amort.' : 'ITL amortised', latency.itl_amortized_ms],
    ['TPOT', latency.tpot_ms],
    ['E2E', latency.e2e_ms],
    ['TTFT, due', latency.due_ttft_ms],
    ['E2E, due', latency.due_e2e_ms],
    ['send lag', latency.lag_ms],
    ['connect', latency.connect_ms],
    ['headers', latency.headers_ms],
  ]
  const there = rows.flatMap(([name, d]) => (d === null ? [] : [{ name, ...distributionCells(d) }]))
  if (there.length === 0) return ['no request was answered: there are no latencies']
  const right = (title: string) => ({ title, align: 'right' as const })
  const lines = table(
    [
      { title: '' },
      right('n'),
      ...(narrow ? [] : [right('min')]),
      { title: 'p50' },
      { title: 'p90' },
      { title: 'p99' },
      ...(narrow ? [] : [right('max')]),
    ],
    there.map(({ name, unit, n, min, percentiles, max }) => [
      { text: `${pad(name, narrow ? 10 : 13)} ${unit}`, paint: paint.bold },
      n,
      ...(narrow ? [] : [min]),
      ...percentiles.map((text) => (text.startsWith('too few') ? { text, paint: paint.dim } : text)),
      ...(narrow ? [] : [max]),
    ]),
    paint.dim,
  )
  if (there.some(({ percentiles }) => percentiles.some((text) => text.startsWith('too few')))) {
    lines.push(paint.dim('too few (<29): a 95 % interval takes 29 requests'))
  }
  if (latency.itl_amortized_left_out > 0) {
    const left = many('request', latency.itl_amortized_left_out)
    lines.push(paint.dim(`ITL amortised excludes ${left} whose events' tokens are not known`))
  }
  return lines
}

/** The client's stamps compared with the kernel's own time of the segments. */
export function kernelClockLines({ kernel_clock: clock }: Report): string[] {
  if (clock === null) return []
  const { events, held, p50_ms, p99_ms, max_ms, first } = clock
  if (held === 0) return [`none of ${many('token event', events)} could be compared with the kernel's segments`]
  const within = `aligned within ${durationOr(clock.uncertainty_ms)}`
  return [
    `${wholeNumber(held)} of ${many('token event', events)} compared with the kernel's own time of their segment (${within}): stamped ${durationOr(p50_ms)} later (median), ${p99_ms === null ? '' : `p99 ${durationOr(p99_ms)}, `}at most ${durationOr(max_ms)}`,
    ...(first.requests === 0
      ? []
      : [
          `so TTFT is too long by ${durationOr(first.p50_ms)} (median), at most ${durationOr(first.max_ms)}, in ${many('request', first.requests)}`,
        ]),
  ]
}

export function tokenLines({ tokens }: Report): string[] {
  if (tokens.requests === 0) return []
  const count = (value: number | null) => (value === null ? NOTHING : wholeNumber(value))
  const sources = tokens.by_source.map(({ token_source, requests }) =>
    tokens.by_source.length === 1 ? (token_source ?? 'nobody') : `${token_source ?? 'nobody'} ${wholeNumber(requests)}`,
  )
  const parts = [
    `${count(tokens.input_tokens)} in`,
    tokens.cached_share === null ? 'cached tokens not reported' : `${percent(tokens.cached_share)} cached`,
    `${count(tokens.output_tokens)} out`,
    ...(tokens.reasoning_tokens ? [`${count(tokens.reasoning_tokens)} of them reasoning`] : []),
    `counted by ${sources.join(', ')}`,
  ]
  const rates = [
    ...(tokens.output_per_s === null ? [] : [`output ${rateText(tokens.output_per_s, 'tok/s')}`]),
    ...(tokens.total_per_s === null ? [] : [`input and output ${rateText(tokens.total_per_s, 'tok/s')}`]),
  ]
  return [parts.join(' · '), ...(rates.length === 0 ? [] : [rates.join(' · ')])]
}

const BAR = 16

/** Prefill and decode speed by size, a bar to the fastest of each. */
export function throughputLines({ throughput }: Report, paint: Paint): string[] {
  if (!throughput.some((row) => row.prefill_n + row.decode_n > 0)) return []
  // Without the engine's steps it is unknown how much of TTFT a request waited.
  const stepped = throughput.some((row) => row.prefill_steps_median_tokens_per_s !== null)
  const prefillKey = stepped ? 'prefill_steps_median_tokens_per_s' : 'prefill_median_tokens_per_s'
  const most = (key: typeof prefillKey | 'decode_median_tokens_per_s') =>
    Math.max(...throughput.map((row) => row[key] ?? 0)) || 1
  const [prefillMost, decodeMost] = [most(prefillKey), most('decode_median_tokens_per_s')]
  const speed = (value: number | null) => (value === null ? NOTHING : threeDigits(value))
  const painted = (value: number | null, max: number) => ({ text: bar((value ?? 0) / max, BAR), paint: paint.cyan })
  return table(
    [
      { title: 'size', align: 'right' },
      { title: 'n', align: 'right' },
      { title: 'prefill tok/s', align: 'right' },
      { title: stepped ? '(median)' : '(with queue)' },
      { title: 'decode tok/s', align: 'right' },
      { title: '(median)' },
    ],
    throughput.map((row) => [
      row.size === null
        ? 'any'
        : row.size_to === null
          ? sizeText(row.size)
          : `${sizeText(row.size)}–${sizeText(row.size_to)}`,
      wholeNumber(row.requests),
      speed(row[prefillKey]),
      painted(row[prefillKey], prefillMost),
      speed(row.decode_median_tokens_per_s),
      painted(row.decode_median_tokens_per_s, decodeMost),
    ]),
    paint.dim,
  )
}

export function repeatLines({ offered }: Report, paint: Paint): string[] {
  if (offered.by_repeat.length < 2) return []
  return table(
    [
      { title: 'pass', align: 'right' },
      { title: 'requests', align: 'right' },
      { title: 'ok', align: 'right' },
      { title: 'TTFT median', align: 'right' },
      { title: 'E2E median', align: 'right' },
    ],
    offered.by_repeat.map((row) => [
      String(row.repeat + 1),
      wholeNumber(row.requests),
      wholeNumber(row.ok),
      durationOr(row.ttft_median_ms),
      durationOr(row.e2e_median_ms),
    ]),
    paint.dim,
  )
}

function sizeText(size: number): string {
  return Number.isInteger(size) ? wholeNumber(size) : threeDigits(size)
}

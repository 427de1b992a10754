import type { SlowReason } from '../../analysis/latency/slowest-requests.ts'
import { duration, many, percent, threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import { durationOr, NARROW, NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { sparkline } from '../text/sparkline.ts'
import { table } from '../text/table.ts'
import { printable } from '../text/text.ts'

/** What was offered and what came of it, in a line or two. */
export function offeredLines({ offered }: Report): string[] {
  const { requests, ok, warmup, span_s, offered_per_s, achieved_per_s, concurrency, held, retries } = offered
  const counts = [
    `${many('request', requests)}, ${wholeNumber(ok)} ok`,
    ...(warmup === 0 ? [] : [`${wholeNumber(warmup)} warm-up apart`]),
    ...(span_s === null ? [] : [`in ${duration(span_s * 1e3)}`]),
    ...(held.requests === 0 ? [] : [`${wholeNumber(held.requests)} held back by the ceiling`]),
    ...(retries === 0 ? [] : [`${wholeNumber(retries)} tries again`]),
  ]
  const rates = [
    ...(offered_per_s === null ? [] : [`offered ${threeDigits(offered_per_s)}/s`]),
    ...(achieved_per_s === null ? [] : [`done ${threeDigits(achieved_per_s)}/s`]),
    ...(concurrency === null
      ? []
      : [
          `in flight ${threeDigits(concurrency.mean)} on average, ${wholeNumber(concurrency.max)} at most`,
          `idle ${percent(concurrency.share_idle)} of the time`,
        ]),
  ]
  return [counts.join(' · '), ...(rates.length === 0 ? [] : [rates.join(' · ')])]
}

export function failureLines({ failures }: Report, width: number, paint: Paint): string[] {
  if (failures.requests === 0) return []
  const lines = table(
    [
      { title: 'n', align: 'right' },
      { title: 'how' },
      { title: 'first', align: 'right' },
      { title: 'e.g. id', align: 'right' },
      { title: 'error', max: Math.max(20, width - 52) },
    ],
    failures.kinds.map((kind) => [
      { text: wholeNumber(kind.requests), paint: paint.red },
      kind.http_status === null ? kind.status : `${kind.status} ${kind.http_status}`,
      kind.first_at_s === null ? NOTHING : `at ${duration(kind.first_at_s * 1e3)}`,
      String(kind.request_id),
      printable(kind.example ?? kind.error ?? ''),
    ]),
    paint.dim,
  )
  return failures.more_kinds > 0 ? [...lines, paint.dim(`and ${many('other kind', failures.more_kinds)}`)] : lines
}

const REASONS: Readonly<Record<SlowReason, string>> = {
  held: 'held back by the ceiling',
  sent_late: 'sent late',
  queued: 'queued at the server',
  long_prompt: 'prefill of a long prompt',
  slow_prefill: 'slow prefill',
  long_answer: 'a long answer',
  slow_decode: 'slow decode',
  stall: 'one stall',
}

/** The slowest requests, one line each, with what they spent their time on beyond the others. */
export function slowestTable({ slowest }: Pick<Report, 'slowest'>, width: number, paint: Paint): string[] {
  if (slowest.length === 0) return []
  const right = (title: string) => ({ title, align: 'right' as const })
  return table(
    [
      right('id'),
      right('in'),
      right('out'),
      right('TTFT'),
      right('took'),
      { title: 'why', max: Math.max(20, width - 46) },
    ],
    slowest.map((line) => [
      String(line.request_id),
      line.input_tokens === null ? NOTHING : wholeNumber(line.input_tokens),
      line.output_tokens === null ? NOTHING : wholeNumber(line.output_tokens),
      durationOr(line.ttft_ms),
      duration(line.took_ms),
      whyText(line),
    ]),
    paint.dim,
  )
}

/** What a slow request spent its time on, in a clause. */
export function whyText({ reasons, retries }: Report['slowest'][number]): string {
  const parts = reasons.map(({ reason, ms, how, cause }) => {
    const bound = how === 'at_least' ? 'at least ' : ''
    return `${REASONS[reason]} ${bound}${duration(ms)}${cause === null ? '' : ` (${cause.replaceAll('_', ' ')})`}`
  })
  const again = retries === 0 ? [] : [retries === 1 ? '1 retry' : `${wholeNumber(retries)} retries`]
  return [...again, ...parts].join(', ') || 'nothing unusual'
}

/** One line per request, its gaps as a sparkline; all at one scale, so that stalls can be compared. */
export function requestTable({ requests }: Pick<Report, 'requests'>, width: number, paint: Paint): string[] {
  if (requests.length === 0) return []
  const highest = Math.max(0, ...requests.flatMap((line) => line.gaps_ms))
  return table(
    [
      { title: 'id', align: 'right' },
      { title: 'prompt', max: width < NARROW ? 8 : 16 },
      { title: 'size', align: 'right' },
      { title: 'in', align: 'right' },
      { title: 'out', align: 'right' },
      { title: 'TTFT', align: 'right' },
      { title: 'E2E', align: 'right' },
      { title: 'tok/s', align: 'right' },
      { title: highest > 0 ? `gaps, 0–${duration(highest)}` : '', max: 24 },
    ],
    requests.map((line) => [
      String(line.request_id),
      printable(line.prompt_id ?? NOTHING),
      line.size === null ? NOTHING : threeOrWhole(line.size),
      line.input_tokens === null ? NOTHING : wholeNumber(line.input_tokens),
      line.output_tokens === null ? NOTHING : wholeNumber(line.output_tokens),
      durationOr(line.ttft_ms),
      durationOr(line.e2e_ms),
      line.output_tokens_per_s === null ? NOTHING : threeDigits(line.output_tokens_per_s),
      line.status === 'ok'
        ? { text: sparkline(line.gaps_ms, highest), paint: paint.cyan }
        : { text: line.status, paint: paint.red },
    ]),
    paint.dim,
  )
}

function threeOrWhole(size: number): string {
  return Number.isInteger(size) ? wholeNumber(size) : threeDigits(size)
}

import { CAUSES } from '../../analysis/late-tokens/causes.ts'
import type { LateThread } from '../../analysis/late-tokens/model.ts'
import { duration, many, percent, wholeNumber } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'
import { printable, wrap } from '../text/text.ts'

/** Threads shown; the rest is in `--json`. */
const THREADS = 4

/** Late tokens by cause, and what the engine's threads did then beyond what they do for on-time tokens. */
export function lateLines({ late_tokens: late }: Report, width: number, paint: Paint): string[] {
  if (late === null) return []
  const from = `longer than ${duration(late.late_from_ms)}, of a median of ${duration(late.itl_median_ms)}`
  if (late.late === 0) return [`none of ${wholeNumber(late.tokens)} gaps is ${from}`]
  const looked = late.looked_at < late.late ? `; the ${wholeNumber(late.looked_at)} longest were looked at` : ''
  const right = (title: string) => ({ title, align: 'right' as const })
  const unexplained = 1 - late.explained_share
  const rows = [
    ...late.causes.map(({ cause, tokens, explained_ms, share }) => [
      CAUSES[cause].says,
      wholeNumber(tokens),
      duration(explained_ms),
      percent(share),
    ]),
    [
      { text: 'not explained', paint: paint.dim },
      wholeNumber(late.unclaimed),
      duration(unexplained * late.late_ms),
      percent(unexplained),
    ],
  ]
  return [
    ...wrap(
      `${wholeNumber(late.late)} of ${wholeNumber(late.tokens)} gaps are ${from}${looked}; compared with ${many('on-time token', late.on_time)}`,
      width - 2,
    ),
    ...table([{ title: '' }, right('tokens'), right('late by'), right('share')], rows, paint.dim),
    ...threadLines(late.threads, paint),
    ...(late.not_looked_for.length === 0
      ? []
      : wrap(`not recorded, so neither claimed nor ruled out: ${late.not_looked_for.join(', ')}`, width - 2).map(
          paint.dim,
        )),
  ]
}

function threadLines(threads: readonly LateThread[], paint: Paint): string[] {
  const excess = (ms: number | null) => (ms === null ? '' : `${ms < 0 ? '−' : '+'}${duration(Math.abs(ms))}`)
  if (threads.length === 0) return []
  return table(
    [
      { title: 'threads in late tokens, beyond in time', max: 40 },
      { title: 'on CPU', align: 'right' },
      { title: 'blocked', align: 'right' },
      { title: 'waiting for a CPU', align: 'right' },
    ],
    threads
      .slice(0, THREADS)
      .map(({ process, thread, excess_ms }) => [
        printable(thread ?? `${process ?? 'engine'}, all threads`),
        excess(excess_ms.on_cpu),
        excess(excess_ms.blocked),
        excess(excess_ms.cpu_wait),
      ]),
    paint.dim,
  )
}

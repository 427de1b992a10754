import type { Report } from '../../src/server/web/api-types.ts'
import { ms, number } from '../base/format.ts'
import { href } from '../base/route.ts'

const REASONS: Readonly<Record<string, string>> = {
  held: 'held back by the limit on requests in flight',
  sent_late: 'sent late by the client',
  queued: 'queued at the server',
  long_prompt: 'long prompt',
  slow_prefill: 'slow prefill',
  long_answer: 'long answer',
  slow_decode: 'slow decode',
  stall: 'one long stall',
}

export function reasonOf({ reasons }: Report['slowest'][number]): string {
  const [first] = reasons
  if (first === undefined) return 'nothing stands out'
  const least = first.how === 'at_least' ? 'at least ' : ''
  const cause = first.cause === null ? '' : ` (${first.cause.replaceAll('_', ' ')})`
  return `${REASONS[first.reason] ?? first.reason}${cause}: ${least}${ms(first.ms)}`
}

/** The five slowest requests with why; each leads to its place in the timeline. */
export function Slowest({ report, id }: { report: Report; id: string }) {
  const rows = report.slowest.slice(0, 5)
  return (
    <section class="panel">
      <header>
        <h2>Slowest requests</h2>
        <a href={href(['run', id, 'requests'], { sort: 'e2e', down: 1 })}>all</a>
      </header>
      {rows.length === 0 ? (
        <div class="body muted">No answered request.</div>
      ) : (
        <ol class="slowest">
          {rows.map((row) => (
            <li key={row.request_id}>
              <a href={href(['run', id, 'timeline'], { request: row.request_id })}>
                <span class="id">#{row.request_id}</span>
                <span class="took">{ms(row.took_ms)}</span>
                <span
                  class="why"
                  title={`${row.prompt_id ?? ''} · ${number(row.input_tokens)} tokens in, ${number(row.output_tokens)} out`}
                >
                  {reasonOf(row)}
                </span>
              </a>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}

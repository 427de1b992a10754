import type { Report } from '../../src/server/web/api-types.ts'
import { duration, percent } from '../base/format.ts'

const PARTS = [
  { key: 'decode', text: 'decoding', colour: 'decode' },
  { key: 'first_token', text: 'waiting for the first token', colour: 'prefill' },
  { key: 'connect', text: 'connecting and sending', colour: 'client' },
  { key: 'tail', text: 'after the last token', colour: 'kernel' },
  { key: 'failed', text: 'failed requests', colour: 'bad' },
  { key: 'idle', text: 'nothing in flight', colour: 'host' },
] as const

/** What the requests' time went to; shares add up to 100 %, what of the stalls nothing explains among them. */
export function Costs({ report }: { report: Report }) {
  const { time, late_tokens: late } = report
  if (time === null) return null
  const explained = late?.explained_share ?? 0
  const rows: { text: string; colour: string; share: number }[] = [
    ...PARTS.map(({ key, text, colour }) => ({ text, colour, share: time[key] })),
    { text: 'stalls, explained', colour: 'os', share: time.stalls * explained },
    { text: 'stalls, unexplained', colour: 'unexplained', share: time.stalls * (1 - explained) },
  ]
    .filter(({ share, text }) => share > 0 || text === 'stalls, unexplained')
    .sort((a, b) => b.share - a.share)
  const causes = (late?.causes ?? [])
    .filter(({ explained_ms }) => explained_ms > 0)
    .sort((a, b) => b.explained_ms - a.explained_ms)
  return (
    <section class="panel">
      <header>
        <h2>What cost the most</h2>
        <span class="muted">of {duration(time.total_s * 1e9)} of requests' time</span>
      </header>
      <div class="body">
        <div class="bar" role="img" aria-label={rows.map(({ text, share }) => `${text} ${percent(share)}`).join(', ')}>
          {rows.map(({ text, colour, share }) => (
            <span key={text} class={`fill-${colour}`} style={{ width: `${share * 100}%` }} />
          ))}
        </div>
        <table class="plain">
          <tbody>
            {rows.map(({ text, colour, share }) => (
              <tr key={text}>
                <td>
                  <span class={`swatch fill-${colour}`} />
                  {text}
                </td>
                <td class="num">{percent(share)}</td>
                <td class="num muted">{duration(share * time.total_s * 1e9)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {causes.length > 0 && (
          <p class="muted">
            Late tokens, by cause:{' '}
            {causes.map(({ cause, share }) => `${cause.replaceAll('_', ' ')} ${percent(share)}`).join(', ')}
          </p>
        )}
      </div>
    </section>
  )
}

import type { RangeFigures } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { duration, ms, number, percent } from '../base/format.ts'
import { useAnswer } from '../base/use-answer.ts'
import { Answered } from '../parts/states.tsx'
import type { View } from './model.ts'

/** What every layer did in the range that was selected. */
export function RangePanel({
  id,
  range,
  onClose,
  onFit,
}: {
  id: string
  range: View
  onClose: () => void
  onFit: () => void
}) {
  const answer = useAnswer<RangeFigures>(runPath(id, `/range?from=${range.from}&to=${range.to}`))
  const span = range.to - range.from
  return (
    <aside class="detail" aria-label="Selected range">
      <div class="row">
        <h2>{duration(span)} selected</h2>
        <span class="spacer" />
        <button type="button" onClick={onFit}>
          Zoom in
        </button>
        <button type="button" class="quiet" aria-label="close the range" onClick={onClose}>
          ✕
        </button>
      </div>
      <Answered answer={answer} what="Summing up the range …">
        {({ requests, tracks, names }) => (
          <>
            <dl>
              <dt>requests sent</dt>
              <dd>
                {number(requests.started)} ({number(requests.started / (span / 1e9))} /s)
              </dd>
              <dt>ended</dt>
              <dd>{number(requests.ended)}</dd>
              <dt>token events</dt>
              <dd>
                {number(requests.token_events)} ({number(requests.token_events / (span / 1e9))} /s)
              </dd>
              <dt>TTFT p50</dt>
              <dd>{ms(requests.ttft_p50_ms)}</dd>
            </dl>
            {names.length > 0 && (
              <>
                <h3>By name</h3>
                <table class="plain">
                  <tbody>
                    {names.map((row, i) => (
                      <tr key={i}>
                        <td class="clip">{row.name}</td>
                        <td class="num muted">{number(row.n)} ×</td>
                        <td class="num">{duration(row.busy_ns)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </>
            )}
            <h3>By track</h3>
            <table class="plain">
              <tbody>
                {tracks.map((row) => (
                  <tr key={`${row.kind}${row.track_id}`}>
                    <td class="clip">
                      {row.label.replaceAll('_', ' ')}
                      <div class="muted small">{row.layer}</div>
                    </td>
                    <td class="num">
                      {row.kind === 'slices' ? percent((row.busy_ns ?? 0) / span) : number(row.mean)}
                      <div class="muted small">
                        {row.kind === 'slices' ? `${number(row.n)} ×` : `${number(row.min)} – ${number(row.max)}`}
                      </div>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </>
        )}
      </Answered>
    </aside>
  )
}

import { amount, duration, percent } from '../base/format.ts'
import type { TimelineModel } from './model.ts'
import type { Hit } from './pen.ts'

export function Tooltip({ tip, model }: { tip: { hit: Hit; x: number; y: number }; model: TimelineModel }) {
  const { what } = tip.hit
  const since = (ns: number) => duration(ns - model.meta.from_ns)
  const left = tip.x > innerWidth - 320
  return (
    <div
      class="tooltip"
      role="presentation"
      style={{
        top: `${Math.min(innerHeight - 90, tip.y + 14)}px`,
        ...(left ? { right: `${innerWidth - tip.x + 12}px` } : { left: `${tip.x + 12}px` }),
      }}
    >
      {what.kind === 'slice' && (
        <>
          <strong>{what.name || 'without a name'}</strong>
          <div>{what.n > 1 ? `${what.n} within this pixel` : `${duration(what.dur)} at ${since(what.t)}`}</div>
        </>
      )}
      {what.kind === 'cell' && (
        <>
          <strong>{what.name}</strong>
          <div>
            {what.n} start here, busy {percent(what.busy)}; zoom in to see them
          </div>
        </>
      )}
      {what.kind === 'request' && (
        <>
          <strong>{what.n > 1 ? `${what.n} requests from #${what.id} on` : `request #${what.id}`}</strong>
          <div>
            first token after {duration(what.first - what.sent)}, {duration(what.end - what.sent)} in all
          </div>
        </>
      )}
      {what.kind === 'token' && (
        <>
          <strong>
            token event {what.index} of request #{what.request}
          </strong>
          <div>
            at {since(what.t)}
            {what.n > 1 ? `, ${what.n} within this pixel` : ''}
          </div>
        </>
      )}
      {what.kind === 'counter' && (
        <>
          <strong>{amountOf(model, what.track, what.min, what.max)}</strong>
          <div>at {since(what.t)}</div>
        </>
      )}
    </div>
  )
}

function amountOf(model: TimelineModel, id: number, min: number, max: number): string {
  const unit = model.meta.tracks.find(({ track_id }) => track_id === id)?.unit ?? null
  return min === max ? amount(min, unit) : `${amount(min, unit)} – ${amount(max, unit)}`
}

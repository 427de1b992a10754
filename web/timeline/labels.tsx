import { amount, many } from '../base/format.ts'
import { type Row, trackPlace, trackTitle } from './layout.ts'
import type { TimelineModel } from './model.ts'
import { RULER } from './pen.ts'

/** Names of the rows in sight, with what can be done to them. */
export function Labels({ model, top }: { model: TimelineModel; top: number }) {
  const rows = model.rows.filter((row) => row.y + row.height > top - 200 && row.y < top + model.height + 200)
  return (
    <div class="labels" style={{ height: `${model.total + RULER}px` }}>
      {rows.map((row) => (
        <div key={row.key} class={`label ${row.kind}`} style={{ top: `${row.y + RULER}px`, height: `${row.height}px` }}>
          <Label row={row} model={model} />
        </div>
      ))}
    </div>
  )
}

function Label({ row, model }: { row: Row; model: TimelineModel }) {
  if (row.kind === 'head') {
    if (row.layer === 'pinned') return <span class="layer-name">Pinned</span>
    return (
      <button type="button" class="layer-name" aria-expanded={row.open} onClick={() => model.toggleLayer(row.layer)}>
        <span aria-hidden="true">{row.open ? '▾' : '▸'}</span> {row.title}
        <span class="muted"> {row.count.toLocaleString('en')}</span>
      </button>
    )
  }
  if (row.kind === 'requests') {
    return (
      <div class="legend">
        <span class="key c-prefill">to the first token</span>
        <span class="key c-decode">decode</span>
        <span class="muted">{many(model.meta.lanes, 'lane')}</span>
      </div>
    )
  }
  const { track, pinned } = row
  const place = trackPlace(track)
  const range = track.kind === 'counter' && track.max !== null ? `up to ${amount(track.max, track.unit)}` : ''
  return (
    <>
      <div class="track-name" title={[track.name, place, track.host, track.source, range].filter(Boolean).join('\n')}>
        <bdi>{trackTitle(track)}</bdi>
        {row.height >= 30 && <div class="muted small">{place || range}</div>}
      </div>
      <span class="track-actions">
        {pinned && (
          <button
            type="button"
            class="quiet"
            aria-label={`move ${track.name} up`}
            onClick={() => model.movePinned(track.track_id, -1)}
          >
            ↑
          </button>
        )}
        <button
          type="button"
          class="quiet"
          aria-label={`${pinned ? 'unpin' : 'pin'} ${track.name} ${place}`}
          aria-pressed={pinned}
          onClick={() =>
            model.setPinned(
              model.pinned.includes(track.track_id)
                ? model.pinned.filter((each) => each !== track.track_id)
                : [...model.pinned, track.track_id],
            )
          }
        >
          {pinned ? '★' : '☆'}
        </button>
      </span>
    </>
  )
}

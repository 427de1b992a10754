import { useEffect, useState } from 'preact/hooks'
import type { TimelineMeta } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { many } from '../base/format.ts'
import { rewrite } from '../base/route.ts'
import { useAnswer } from '../base/use-answer.ts'
import type { ViewProps } from '../base/view-props.ts'
import { Answered, Empty } from '../parts/states.tsx'
import { DetailPanel } from './detail-panel.tsx'
import { HelpButton } from './help.tsx'
import { Minimap } from './minimap.tsx'
import { type Selected, TimelineModel } from './model.ts'
import { RangePanel } from './range-panel.tsx'
import { SearchBox } from './search-box.tsx'
import { TimelineCanvas } from './timeline-canvas.tsx'
import { useSelection } from './use-selection.ts'

export function TimelinePage({ id, query }: ViewProps) {
  const answer = useAnswer<TimelineMeta>(runPath(id, '/timeline'))
  return (
    <>
      <h1 class="hidden-label">Timeline</h1>
      <Answered answer={answer} what="Opening the timeline …" rows={12}>
        {(meta) =>
          meta.tracks.length + meta.requests === 0 ? (
            <Empty title="Nothing on the timeline">
              <p>The run has no requests, slices or counters.</p>
            </Empty>
          ) : (
            <Timeline key={id} id={id} meta={meta} query={query} />
          )
        }
      </Answered>
    </>
  )
}

function Timeline({ id, meta, query }: { id: string; meta: TimelineMeta; query: URLSearchParams }) {
  const [model] = useState(() => modelFrom(id, meta, query))
  const [, redraw] = useState(0)
  const selection = useSelection(id, model)
  useEffect(() => {
    const changed = () => redraw((count) => count + 1)
    return model.onChange((what) => what === 'rows' && changed())
  }, [model])
  useEffect(() => keepAddress(id, model, () => selection.current), [id, model, selection])
  useEffect(() => {
    const named = selectedFrom(query)
    if (named !== null) selection.select(named, { fit: query.get('from') === null })
  }, [])
  return (
    <div class="timeline">
      <div class="timeline-bar">
        <SearchBox id={id} onFound={(found) => selection.select(found, { fit: true })} />
        <span class="muted">
          {many(meta.requests, 'request')} · {many(meta.chunks, 'event')} · {many(meta.slices, 'slice')} ·{' '}
          {many(meta.tracks.length, 'track')}
        </span>
        <span class="spacer" />
        <span class="muted hide-narrow">W S zoom · A D pan · drag selects a range</span>
        <button type="button" onClick={() => model.setView(meta.from_ns, meta.to_ns)}>
          Whole run
        </button>
        <HelpButton />
      </div>
      <Minimap id={id} model={model} />
      <div class="timeline-main">
        <TimelineCanvas model={model} selection={selection} />
        {model.range !== null ? (
          <RangePanel
            id={id}
            range={model.range}
            onClose={() => selection.setRange(null)}
            onFit={() => model.range !== null && model.fit(model.range.from, model.range.to)}
          />
        ) : (
          model.selected !== null && <DetailPanel id={id} model={model} selection={selection} />
        )}
      </div>
    </div>
  )
}

function modelFrom(id: string, meta: TimelineMeta, query: URLSearchParams): TimelineModel {
  const [from, to] = [Number(query.get('from') ?? 'x'), Number(query.get('to') ?? 'x')]
  const model = new TimelineModel(id, meta, Number.isFinite(from) && to > from ? { from, to } : null)
  const pinned = (query.get('pin') ?? '')
    .split('.')
    .filter((text) => /^\d+$/.test(text))
    .map(Number)
  if (pinned.length > 0) model.setPinned(pinned)
  return model
}

/** `request=5`, `request=5&token=7`, `slice=12`. */
function selectedFrom(query: URLSearchParams): Selected | null {
  const number = (key: string) => (/^\d{1,10}$/.test(query.get(key) ?? '') ? Number(query.get(key)) : null)
  const [slice, request, token] = [number('slice'), number('request'), number('token')]
  if (slice !== null) return { kind: 'slice', id: slice }
  if (request !== null && token !== null) return { kind: 'token', request, index: token }
  return request === null ? null : { kind: 'request', id: request }
}

/** Writes what is seen into the address, a moment after it has come to rest. */
function keepAddress(id: string, model: TimelineModel, selected: () => Selected | null): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const write = () => {
    const { from, to } = model.view
    const now = selected()
    const what: Record<string, number> =
      now === null
        ? {}
        : now.kind === 'slice'
          ? { slice: now.id }
          : now.kind === 'token'
            ? { request: now.request, token: now.index }
            : { request: now.id }
    rewrite(['run', id, 'timeline'], {
      from: Math.round(from),
      to: Math.round(to),
      ...what,
      ...(model.pinned.length > 0 ? { pin: model.pinned.join('.') } : {}),
    })
  }
  const stop = model.onChange(() => {
    clearTimeout(timer)
    timer = setTimeout(write, 300)
  })
  return () => {
    stop()
    clearTimeout(timer)
  }
}

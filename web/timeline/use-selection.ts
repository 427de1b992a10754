import { useMemo, useState } from 'preact/hooks'
import type { Chain } from '../../src/server/web/api-types.ts'
import { getJson, runPath } from '../base/api.ts'
import type { Selected, TimelineModel, View } from './model.ts'

export interface Selection {
  readonly current: Selected | null
  readonly problem: string | null
  select(what: Selected | null, options?: { fit?: boolean }): void
  setRange(range: View | null): void
  /** The token event before or after the selected one. */
  step(by: -1 | 1): void
}

/** What is selected, and what belongs to it; the newest selection wins. */
export function useSelection(id: string, model: TimelineModel): Selection {
  const [state, setState] = useState<{ current: Selected | null; problem: string | null }>({
    current: null,
    problem: null,
  })
  const actions = useMemo(() => {
    let asking: AbortController | null = null
    const apply = (current: Selected | null, chain: Chain | null, problem: string | null) => {
      model.selected = current
      model.chain = chain
      setState({ current, problem })
      model.changed('rows')
    }
    const select: Selection['select'] = (what, { fit = false } = {}) => {
      asking?.abort()
      model.range = null
      apply(what, what === null ? null : model.chain, null)
      if (what === null) return
      const abort = new AbortController()
      asking = abort
      getJson<Chain>(runPath(id, `/chain?${queryOf(what)}`), abort.signal).then(
        (chain) => {
          if (abort.signal.aborted) return
          const [first] = chain.nodes
          if (fit && first !== undefined) {
            const around = first.dur_ns > 0 ? first.dur_ns : Math.min(50e6, (model.view.to - model.view.from) / 4)
            model.fit(first.t_ns - (first.dur_ns > 0 ? 0 : around / 2), first.t_ns + around)
            showRow(model, first.track_id)
          }
          apply(what, chain, null)
        },
        (error: unknown) => {
          if (!abort.signal.aborted) apply(what, null, error instanceof Error ? error.message : String(error))
        },
      )
    }
    const setRange: Selection['setRange'] = (range) => {
      model.range = range
      model.selected = null
      model.chain = null
      setState({ current: null, problem: null })
      model.changed('rows')
    }
    const step: Selection['step'] = (by) => {
      const now = model.selected
      if (now?.kind === 'request') select({ kind: 'token', request: now.id, index: 1 }, { fit: true })
      if (now?.kind === 'token' && now.index + by >= 0) select({ ...now, index: now.index + by }, { fit: true })
    }
    return { select, setRange, step }
  }, [id, model])
  return useMemo(() => ({ ...state, ...actions }), [state, actions])
}

function queryOf(what: Selected): string {
  if (what.kind === 'slice') return `slice=${what.id}`
  if (what.kind === 'token') return `request=${what.request}&token=${what.index}`
  return `request=${what.id}`
}

/** Scrolls the row into sight if it is not. */
function showRow(model: TimelineModel, track: number | null): void {
  if (track !== null) {
    const layer = model.meta.tracks.find(({ track_id }) => track_id === track)?.layer
    if (layer !== undefined) model.openLayer(layer)
  }
  const row = track === null ? model.rows.find(({ kind }) => kind === 'requests') : model.rowOf(track)
  if (row === undefined) return
  if (row.y < model.scroll || row.y + Math.min(row.height, 60) > model.scroll + model.height) {
    model.scroll = Math.max(0, row.y - model.height / 3)
    model.changed('rows')
    dispatchEvent(new CustomEvent('timelinescroll'))
  }
}

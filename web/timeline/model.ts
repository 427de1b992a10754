import type { Chain, TimelineMeta } from '../../src/server/web/api-types.ts'
import { firstRowAt, type LayoutState, layoutRows, type Row } from './layout.ts'
import { binNs, levelOf, TILE_BINS } from './tile-data.ts'
import { TileStore, type Wanted } from './tile-store.ts'

export type Selected =
  | { kind: 'slice'; id: number }
  | { kind: 'token'; request: number; index: number }
  | { kind: 'request'; id: number }

export interface View {
  from: number
  to: number
}

/** Closer than 100 ns over the whole width nothing is resolved. */
const MIN_SPAN = 100

/** What the timeline shows and where; whoever draws it asks, whoever changes it calls `changed`. */
export class TimelineModel {
  readonly meta: TimelineMeta
  readonly tiles: TileStore
  view: View
  width = 800
  height = 400
  scroll = 0
  rows: Row[] = []
  total = 0
  selected: Selected | null = null
  chain: Chain | null = null
  range: View | null = null
  hover: { x: number; y: number } | null = null
  /** Lanes of requests in tiles so far. */
  readonly laneOf = new Map<number, number>()
  private state: LayoutState = { open: new Map(), pinned: [], lanes: new Map() }
  private readonly listeners = new Set<(what: 'view' | 'rows' | 'data') => void>()

  constructor(id: string, meta: TimelineMeta, view: View | null) {
    this.meta = meta
    this.tiles = new TileStore(id, () => this.changed('data'))
    const pad = (meta.to_ns - meta.from_ns) * 0.01
    this.view = view ?? { from: meta.from_ns - pad, to: meta.to_ns + pad }
    this.relayout()
  }

  onChange(listener: (what: 'view' | 'rows' | 'data') => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  changed(what: 'view' | 'rows' | 'data'): void {
    for (const listener of this.listeners) listener(what)
  }

  get nsPerPx(): number {
    return (this.view.to - this.view.from) / Math.max(1, this.width)
  }

  get level(): number {
    return levelOf(this.nsPerPx)
  }

  get pinned(): readonly number[] {
    return this.state.pinned
  }

  x(ns: number): number {
    return (ns - this.view.from) / this.nsPerPx
  }

  ns(x: number): number {
    return this.view.from + x * this.nsPerPx
  }

  setView(from: number, to: number): void {
    const whole = this.meta.to_ns - this.meta.from_ns
    const span = Math.min(Math.max(MIN_SPAN, to - from), whole * 1.2)
    const middle = (from + to) / 2
    const kept = Math.min(this.meta.to_ns + span * 0.4, Math.max(this.meta.from_ns - span * 0.4, middle))
    this.view = { from: kept - span / 2, to: kept + span / 2 }
    this.changed('view')
  }

  zoom(factor: number, x = this.width / 2): void {
    const at = this.ns(x)
    this.setView(at - (at - this.view.from) * factor, at + (this.view.to - at) * factor)
  }

  pan(px: number): void {
    const by = px * this.nsPerPx
    this.setView(this.view.from + by, this.view.to + by)
  }

  fit(from: number, to: number): void {
    const pad = Math.max((to - from) * 0.15, 5000)
    this.setView(from - pad, to + pad)
  }

  toggleLayer(layer: string): void {
    const row = this.rows.find((each) => each.kind === 'head' && each.layer === layer)
    const open = new Map(this.state.open).set(layer, !(row?.kind === 'head' && row.open))
    this.state = { ...this.state, open }
    this.relayout()
  }

  openLayer(layer: string): void {
    if (this.rows.some((row) => row.kind === 'head' && row.layer === layer && !row.open)) this.toggleLayer(layer)
  }

  setPinned(pinned: readonly number[]): void {
    this.state = { ...this.state, pinned }
    this.relayout()
  }

  /** Moves a pinned track up or down among the pinned ones. */
  movePinned(track: number, by: -1 | 1): void {
    const pinned = [...this.state.pinned]
    const at = pinned.indexOf(track)
    const [moved] = pinned.splice(at, 1)
    if (at < 0 || moved === undefined) return
    pinned.splice(Math.max(0, at + by), 0, moved)
    this.setPinned(pinned)
  }

  growLanes(track: number, lanes: number): void {
    if ((this.state.lanes.get(track) ?? 1) >= lanes) return
    this.state = { ...this.state, lanes: new Map(this.state.lanes).set(track, lanes) }
    queueMicrotask(() => this.relayout())
  }

  rowOf(track: number): Row | undefined {
    return this.rows.find((row) => row.kind === 'track' && row.track.track_id === track)
  }

  /** Rows in sight. */
  visible(): Row[] {
    const rows: Row[] = []
    for (let i = firstRowAt(this.rows, this.scroll); i < this.rows.length; i++) {
      const row = this.rows[i] as Row
      if (row.y > this.scroll + this.height) break
      rows.push(row)
    }
    return rows
  }

  /** Asks for the tiles in sight. */
  load(): void {
    const { level } = this
    const width = binNs(level) * TILE_BINS
    const slices: number[] = []
    const counters: number[] = []
    let requests = false
    for (const row of this.visible()) {
      if (row.kind === 'requests') requests = true
      if (row.kind === 'track') (row.track.kind === 'slices' ? slices : counters).push(row.track.track_id)
    }
    const wanted: Wanted[] = []
    const first = Math.floor(Math.max(this.view.from, this.meta.from_ns) / width)
    const last = Math.floor(Math.min(this.view.to, this.meta.to_ns) / width)
    const middle = Math.floor((this.view.from + this.view.to) / 2 / width)
    for (let index = first; index <= last; index++) wanted.push({ level, index, slices, counters, requests })
    this.tiles.want(wanted.sort((a, b) => Math.abs(a.index - middle) - Math.abs(b.index - middle)))
  }

  private relayout(): void {
    const { rows, height } = layoutRows(this.meta, this.state)
    this.rows = rows
    this.total = height
    this.changed('rows')
  }
}

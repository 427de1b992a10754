import type { TimelineMeta, TimelineTrack } from '../../src/server/web/api-types.ts'

/** Layers from the request down to the machine. */
export const LAYERS = ['request', 'engine', 'kernel', 'gpu', 'os', 'client', 'host'] as const
export const LAYER_TITLES: Readonly<Record<string, string>> = {
  request: 'Requests',
  engine: 'Engine',
  kernel: 'Kernels and operators',
  gpu: 'GPU',
  os: 'Operating system',
  client: 'Client',
  host: 'Host',
  pinned: 'Pinned',
}
const HEAD = 24
const COUNTER = 34
const LANE = 16
/** More tracks of a layer than this begin collapsed. */
const MANY = 40

export type Row =
  | {
      readonly kind: 'head'
      readonly key: string
      readonly layer: string
      readonly title: string
      readonly count: number
      readonly open: boolean
      readonly y: number
      readonly height: number
    }
  | {
      readonly kind: 'requests'
      readonly key: string
      readonly y: number
      readonly height: number
      readonly lane: number
    }
  | {
      readonly kind: 'track'
      readonly key: string
      readonly track: TimelineTrack
      readonly y: number
      readonly height: number
      readonly pinned: boolean
    }

type Unplaced = Row extends infer R ? (R extends Row ? Omit<R, 'y'> : never) : never

export interface LayoutState {
  /** Layers that were opened or closed by hand. */
  readonly open: ReadonlyMap<string, boolean>
  readonly pinned: readonly number[]
  /** Lanes seen so far, by track; they only grow, so that rows do not jump back. */
  readonly lanes: ReadonlyMap<number, number>
}

/** All rows from the top: pinned tracks, then layer by layer. */
export function layoutRows(meta: TimelineMeta, state: LayoutState): { rows: Row[]; height: number } {
  const rows: Row[] = []
  let y = 0
  const add = (row: Unplaced) => {
    rows.push({ ...row, y } as Row)
    y += row.height
  }
  const addTrack = (track: TimelineTrack, pinned: boolean) => {
    const lanes = state.lanes.get(track.track_id) ?? 1
    const height = track.kind === 'counter' ? COUNTER : Math.max(20, lanes * LANE + 4)
    add({ kind: 'track', key: `${pinned ? 'p' : 't'}${track.track_id}`, track, height, pinned })
  }
  const pinned = state.pinned.flatMap((id) => meta.tracks.find(({ track_id }) => track_id === id) ?? [])
  if (pinned.length > 0) {
    add({
      kind: 'head',
      key: 'pinned',
      layer: 'pinned',
      title: 'Pinned',
      count: pinned.length,
      open: true,
      height: HEAD,
    })
    for (const track of pinned) addTrack(track, true)
  }
  if (meta.requests > 0) {
    const open = state.open.get('request') ?? true
    add({ kind: 'head', key: 'request', layer: 'request', title: 'Requests', count: meta.requests, open, height: HEAD })
    if (open) {
      const lane = Math.min(14, Math.max(3, 320 / Math.max(1, meta.lanes)))
      add({ kind: 'requests', key: 'requests', height: Math.max(56, Math.ceil(meta.lanes * lane) + 8), lane })
    }
  }
  for (const layer of LAYERS) {
    const tracks = meta.tracks.filter((track) => track.layer === layer)
    if (tracks.length === 0) continue
    const open = state.open.get(layer) ?? tracks.length <= MANY
    add({
      kind: 'head',
      key: layer,
      layer,
      title: LAYER_TITLES[layer] ?? layer,
      count: tracks.length,
      open,
      height: HEAD,
    })
    if (open) for (const track of tracks) addTrack(track, false)
  }
  return { rows, height: y }
}

/** What a track is called, and where it is. */
export function trackTitle({ name, unit }: TimelineTrack): string {
  return `${name.replaceAll('_', ' ').replace(/ (ratio|ns|bytes|w)$/, '')}${unit === 'ns' || unit === null || unit === '1' ? '' : ` · ${unit}`}`
}

export function trackPlace(track: TimelineTrack): string {
  return [track.thread ?? track.process, track.device].filter(Boolean).join(' · ')
}

/** The first row that reaches below `y`, by halving. */
export function firstRowAt(rows: readonly Row[], y: number): number {
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const row = rows[middle] as Row
    if (row.y + row.height <= y) low = middle + 1
    else high = middle
  }
  return low
}

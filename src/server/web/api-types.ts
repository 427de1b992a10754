import type { RequestStory } from '../../analysis/attribution/request-story.ts'
import type { Report } from '../../analysis/report.ts'
import type { Headline } from '../../analysis/verdict/headline.ts'
import type { SqlValue } from '../../store/read/run-reader.ts'

// What the page and the server say to each other: types only. Times are ns since the run's epoch unless the name says otherwise.

export type { Headline, Report, RequestStory, SqlValue }

export interface ApiError {
  error: { code: string; message: string; hint: string | null }
}

/** What the page was started on. */
export interface ServedInfo {
  version: string
  /** The folder, as the user would write it. */
  folder: string
  /** Set where one run was named, or the folder holds exactly one. */
  only_run: string | null
}

export interface RunRow {
  id: string
  /** The folder, as a command takes it. */
  path: string
  run_id: string
  state: 'recording' | 'interrupted' | 'sealed'
  command: string
  started: string
  duration_s: number | null
  model: string | null
  engine: string | null
  /** Rows by table. */
  rows: Record<string, number>
  bytes: number
  verdict: { level: 'ok' | 'note' | 'warn' | 'bad'; what: string; text: string }[]
  tags: string[]
  note: string
  /** Why the run cannot be opened; null: it can. */
  problem: string | null
}

/** Figures of the list that need the run's rows; asked for one run at a time. */
export interface RunFigures {
  id: string
  requests: number
  ok: number
  ttft_p50_ms: number | null
  ttft_p99_ms: number | null
  tpot_p50_ms: number | null
  output_tokens_per_s: number | null
  /** Requests in flight over the run, 40 stretches. */
  in_flight: number[]
}

export interface Layer {
  layer: string
  present: boolean
  /** What was recorded, or what it would show. */
  what: string
  /** A command that adds it to the next recording; null where it is present. */
  command: string | null
}

export interface Overview {
  report: Report
  headline: Headline
  layers: Layer[]
  series: Series
  next: { command: string; why: string }[]
}

/** Values over stretches of one length; null: nothing was measured in it. */
export interface SeriesLine {
  name: string
  unit: string
  values: (number | null)[]
}

export interface Series {
  from_ns: number
  bin_ns: number
  bins: number
  lines: SeriesLine[]
  outages: { from_ns: number; to_ns: number; what: string }[]
  /** From when on the server was asked for more than it did; null: it was not. */
  saturated_from_ns: number | null
}

export interface TimelineTrack {
  track_id: number
  layer: string
  host: string | null
  process: string | null
  thread: string | null
  device: string | null
  name: string
  unit: string | null
  kind: 'slices' | 'counter'
  /** Slices that start, or samples. */
  n: number
  /** A counter's smallest and largest value. */
  min: number | null
  max: number | null
  source: string | null
}

export interface TimelineMeta {
  from_ns: number
  to_ns: number
  epoch_ns: string
  state: RunRow['state']
  tracks: TimelineTrack[]
  lanes: number
  requests: number
  chunks: number
  slices: number
  /** Up to this level slices come one by one; above, as sums for each pixel. */
  detail_level: number
  /** Up to this level token events come. */
  token_level: number
  outages: { track_id: number; t_ns: number; dur_ns: number; name: string }[]
  clocks: { clock: string; uncertainty_ns: number }[]
}

/** A pixel is 2^level us wide, a tile `TILE_BINS` pixels, the first from 0 on. */
export interface TileRequest {
  level: number
  index: number
  slices: number[]
  counters: number[]
  requests: boolean
}

export interface TilePart {
  name: 'cells' | 'items' | 'counters' | 'requests' | 'ticks'
  rows: number
  columns: { name: string; type: 'f64' | 'u32'; offset: number }[]
}

/** The head of a tile's bytes: a uint32 length, this as JSON, then the columns. */
export interface TileHead {
  level: number
  index: number
  parts: TilePart[]
  /** Names of the `name` columns. */
  names: Record<number, string>
}

export interface ChainNode {
  kind: 'request' | 'token' | 'slice'
  /** slice_id, or request_id. */
  id: number
  token_index: number | null
  label: string
  category: string | null
  track_id: number | null
  t_ns: number
  dur_ns: number
}

export interface ChainLink {
  /** Positions in `nodes`. */
  from: number
  to: number
  kind: string
  confidence: string
}

/** Something of the timeline and what belongs to it. */
export interface Chain {
  nodes: ChainNode[]
  links: ChainLink[]
  facts: [string, string | number][]
  /** What other threads did meanwhile, most time first. */
  meanwhile: { track_id: number; layer: string; thread: string; name: string; n: number; busy_ns: number }[]
}

export interface SearchHit {
  kind: 'slice' | 'request'
  id: number
  label: string
  track_id: number | null
  t_ns: number
  dur_ns: number
}

export interface RangeFigures {
  from_ns: number
  to_ns: number
  requests: { started: number; ended: number; token_events: number; ttft_p50_ms: number | null }
  tracks: {
    track_id: number
    layer: string
    label: string
    kind: 'slices' | 'counter'
    n: number
    busy_ns: number | null
    mean: number | null
    min: number | null
    max: number | null
  }[]
  names: { name: string; layer: string; n: number; busy_ns: number }[]
}

export interface RequestRow {
  request_id: number
  prompt_id: string | null
  status: string
  phase: string
  scheduled_ns: number
  sent_ns: number | null
  queue_ms: number | null
  ttft_ms: number | null
  e2e_ms: number | null
  tpot_ms: number | null
  max_gap_ms: number | null
  input_tokens: number | null
  output_tokens: number | null
  error: string | null
}

export interface RequestPage {
  total: number
  rows: RequestRow[]
}

export interface RequestDetail {
  story: RequestStory
  row: Record<string, SqlValue>
  prompt: string | null
  output: string | null
}

export interface SqlAnswer {
  columns: string[]
  rows: SqlValue[][]
  /** There were more. */
  cut: boolean
  ms: number
}

export interface SqlSchema {
  tables: { name: string; doc: string; columns: { name: string; type: string; doc: string }[] }[]
  examples: { title: string; sql: string }[]
}

export interface Distributions {
  /** Values of requests, ms; NULLs are omitted. */
  ttft_ms: number[]
  e2e_ms: number[]
  tpot_ms: number[]
  /** Of each request, in the order of ttft_ms. */
  input_tokens: (number | null)[]
  /** Gaps by bin: edges are 10^(i/20) ms. */
  itl: { edge_ms: number; n: number }[]
  /** Requests are a sample of so many. */
  of_requests: number
}

export interface CounterOverTime {
  from_ns: number
  bin_ns: number
  lines: { track_id: number; name: string; label: string; unit: string | null; values: (number | null)[] }[]
}

export interface ImportState {
  id: string
  file: string
  state: 'reading' | 'done' | 'failed'
  progress: number | null
  run: string | null
  error: ApiError['error'] | null
}

export interface CompareRow {
  name: string
  unit: string
  better: 'lower' | 'higher'
  a: { value: number; low: number | null; high: number | null } | null
  b: { value: number; low: number | null; high: number | null } | null
  change: number | null
  /** The intervals do not overlap. */
  differs: boolean | null
}

export interface Comparison {
  a: { id: string; run_id: string }
  b: { id: string; run_id: string }
  sentence: string
  caveat: string
  rows: CompareRow[]
}

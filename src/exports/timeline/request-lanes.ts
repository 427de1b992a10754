import type { ExportOptions } from '../export-options.ts'
import { overlaps } from '../export-options.ts'
import type { SealedRun } from '../sealed-run.ts'
import { type FlowJoin, type FlowKind, flowsOf } from './flows.ts'
import { FreeLanes } from './lanes.ts'
import { RowCursor } from './row-cursor.ts'
import { Details, type TimelineSink } from './timeline-sink.ts'

/** When a request first cost time, and when it was over. */
export const REQUEST_START = 'least(scheduled_ns, coalesce(connect_start_ns, sent_ns, scheduled_ns))'
export const REQUEST_END = `greatest(coalesce(end_ns, last_token_ns, first_token_ns, sent_ns, scheduled_ns), ${REQUEST_START})`

/** Facts shown with a request, by their column. */
const FACTS = [
  'prompt_id',
  'status',
  'phase',
  'stage',
  'size',
  'input_tokens',
  'cached_tokens',
  'output_tokens',
  'requested_tokens',
  'model',
  'finish_reason',
  'error',
]

interface Part {
  name: number
  from: number
  to: number
}

interface Lane {
  track: number
  request: number
  /** Parts of the request still to be drawn, in time order: tokens before them come first. */
  parts: Part[]
}

export interface RequestCounts {
  requests: number
  chunks: number
}

/**
 * Draws requests and their events: each request lies on a lane of its own while it is in flight, its waiting,
 * connecting, prefill and decode nested in it, its events as instants. Requests and events are read side by side in
 * the order of time, so that only what is in flight is held.
 */
export async function drawRequests(
  run: SealedRun,
  sink: TimelineSink,
  options: ExportOptions,
  group: number,
  flowJoin: (kind: FlowKind, id: string, index?: string) => FlowJoin,
): Promise<RequestCounts> {
  const drawing = new RequestDrawing(sink, group)
  const flows = flowJoin('request', 'r.request_id')
  const requests = new RowCursor(
    run.batches(
      `SELECT r.request_id, r.start_ns, r.stop_ns, scheduled_ns, connect_start_ns, connected_ns, sent_ns, first_token_ns,
        last_token_ns, ${flows.columns}, ${FACTS.join(', ')}
      FROM (SELECT *, ${REQUEST_START} AS start_ns, ${REQUEST_END} AS stop_ns FROM requests) r ${flows.joins}
      WHERE ${overlaps(options, 'r.start_ns', 'r.stop_ns')} ORDER BY r.start_ns, r.request_id`,
    ),
  )
  const events = flowJoin('chunk', 'c.request_id', 'c."index"')
  const chunks = new RowCursor(
    run.batches(
      `SELECT c.request_id, c.t_ns, c.kind, c."index", c.tokens, c.bytes, ${events.columns} FROM chunks c ${events.joins}
      WHERE ${overlaps(options, 'c.t_ns', 'c.t_ns')} ORDER BY c.t_ns, c.request_id, c."index"`,
    ),
  )
  await requests.fill()
  await chunks.fill()
  while (!chunks.ended) {
    const t = chunks.number(1)
    while (!requests.ended && requests.number(1) <= t) {
      drawing.request(requests)
      requests.next()
      if (!requests.ready) await requests.fill()
    }
    drawing.chunk(chunks, t)
    chunks.next()
    if (!chunks.ready) await chunks.fill()
  }
  while (!requests.ended) {
    drawing.request(requests)
    requests.next()
    if (!requests.ready) await requests.fill()
  }
  drawing.finish()
  return drawing.counts
}

class RequestDrawing {
  readonly counts: RequestCounts = { requests: 0, chunks: 0 }
  private readonly sink: TimelineSink
  private readonly group: number
  private readonly free = new FreeLanes()
  private readonly lanes: Lane[] = []
  private readonly laneOf = new Map<number, Lane>()
  private readonly details = new Details()
  private readonly kinds = new Map<string, number>()
  private readonly parts: { wait: number; connect: number; prefill: number; decode: number }
  private orphans: number | null = null

  constructor(sink: TimelineSink, group: number) {
    this.sink = sink
    this.group = group
    this.parts = {
      wait: sink.name('wait'),
      connect: sink.name('connect'),
      prefill: sink.name('prefill'),
      decode: sink.name('decode'),
    }
  }

  request(row: RowCursor): void {
    const [id, start, stop] = [row.number(0), row.number(1), row.number(2)]
    const at = this.free.place(start, stop)
    const lane = this.lanes[at] ?? {
      track: this.sink.track(this.group, `request lane ${at + 1}`),
      request: -1,
      parts: [],
    }
    this.lanes[at] = lane
    this.drawParts(lane, Number.POSITIVE_INFINITY)
    this.laneOf.delete(lane.request)
    this.laneOf.set(id, lane)
    lane.request = id
    this.details.clear().add('request_id', id)
    for (const [i, fact] of FACTS.entries()) this.details.add(fact, row.at(11 + i))
    const flows = flowsOf(row.at(9), row.at(10))
    this.sink.slice(lane.track, start, stop - start, `request ${id}`, 'request', this.details, flows)
    this.counts.requests++
    const [scheduled, connecting, connected, sent, first, last] = [3, 4, 5, 6, 7, 8].map(
      (column) => row.at(column) as number | null,
    ) as [number, number | null, number | null, number | null, number | null, number | null]
    const { wait, connect, prefill, decode } = this.parts
    const add = (name: number, from: number | null, to: number | null) => {
      if (from !== null && to !== null && to > from && to <= stop) lane.parts.push({ name, from, to })
    }
    add(wait, scheduled, connecting ?? sent)
    add(connect, connecting, connected)
    add(prefill, sent, first)
    add(decode, first, last)
  }

  chunk(row: RowCursor, t: number): void {
    const lane = this.laneOf.get(row.number(0))
    if (lane !== undefined) this.drawParts(lane, t)
    const kind = String(row.at(2))
    let name = this.kinds.get(kind)
    if (name === undefined) {
      name = this.sink.name(kind)
      this.kinds.set(kind, name)
    }
    const details = this.details.clear().add('request_id', row.at(0)).add('index', row.at(3))
    details.add('tokens', row.at(4)).add('bytes', row.at(5))
    const flows = flowsOf(row.at(6), row.at(7))
    this.sink.instant(lane?.track ?? this.orphanTrack(), t, name, 'chunk', details, flows)
    this.counts.chunks++
  }

  finish(): void {
    for (const lane of this.lanes) this.drawParts(lane, Number.POSITIVE_INFINITY)
  }

  private drawParts(lane: Lane, until: number): void {
    while (lane.parts.length > 0 && (lane.parts[0] as Part).from <= until) {
      const part = lane.parts.shift() as Part
      this.sink.slice(lane.track, part.from, part.to - part.from, part.name, null, this.details.clear(), null)
    }
  }

  /** For events after their request's end: its lane may be another's by then. */
  private orphanTrack(): number {
    this.orphans ??= this.sink.track(this.group, 'events outside their request')
    return this.orphans
  }
}

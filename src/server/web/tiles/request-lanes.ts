import type { RunReader } from '../../../store/read/run-reader.ts'
import { STATUSES } from '../../../trace/tables.ts'
import { type Columns, columnsOf, pushRow } from './columns.ts'
import { Lanes } from './lanes.ts'
import { tileSpan } from './levels.ts'

/** Beyond so many requests at a time, lanes are shared. */
export const MOST_REQUEST_LANES = 160

/** Every request of the run on its lane, in the order they were sent. */
export interface RequestLanes {
  readonly rows: number
  readonly lanes: number
  /** The longest request: a window's first can have been sent so long before it. */
  readonly longestNs: number
  readonly id: Uint32Array
  readonly sent: Float64Array
  /** Equal to `end` where no token came. */
  readonly first: Float64Array
  readonly end: Float64Array
  readonly lane: Uint32Array
  readonly status: Uint32Array
  readonly laneOf: ReadonlyMap<number, number>
}

/** Reads when requests were sent, had their first token and ended, and packs them into lanes. `openNs`: where one without an end reaches to. */
export async function readRequestLanes(reader: RunReader, openNs: number): Promise<RequestLanes> {
  const rows = {
    id: [] as number[],
    sent: [] as number[],
    first: [] as number[],
    end: [] as number[],
    status: [] as number[],
  }
  const codes = STATUSES.map((status, i) => `WHEN '${status}' THEN ${i}`).join(' ')
  const sql = `SELECT request_id::UINTEGER, s, greatest(s, coalesce(first_token_ns, e)) AS f, e, (CASE status ${codes} ELSE 0 END)::UINTEGER AS code FROM (
      SELECT *, coalesce(sent_ns, connect_start_ns, scheduled_ns) AS s, greatest(coalesce(sent_ns, connect_start_ns, scheduled_ns), coalesce(end_ns, last_token_ns, ${openNs}::DOUBLE)) AS e
      FROM requests WHERE status <> 'not_sent') ORDER BY s, request_id`
  for await (const { rows: n, columns } of reader.numbers(sql)) {
    const [id, sent, first, end, status] = columns
    for (let i = 0; i < n; i++) {
      rows.id.push(id?.[i] as number)
      rows.sent.push(sent?.[i] as number)
      rows.first.push(first?.[i] as number)
      rows.end.push(end?.[i] as number)
      rows.status.push(status?.[i] as number)
    }
  }
  const lanes = new Lanes(MOST_REQUEST_LANES)
  const lane = rows.sent.map((sent, i) => lanes.take(sent, rows.end[i] as number))
  return {
    rows: rows.id.length,
    lanes: lanes.count,
    longestNs: rows.sent.reduce((most, sent, i) => Math.max(most, (rows.end[i] as number) - sent), 0),
    id: Uint32Array.from(rows.id),
    sent: Float64Array.from(rows.sent),
    first: Float64Array.from(rows.first),
    end: Float64Array.from(rows.end),
    lane: Uint32Array.from(lane),
    status: Uint32Array.from(rows.status),
    laneOf: new Map(rows.id.map((id, i) => [id, lane[i] as number])),
  }
}

/** Requests of a tile: those of a pixel or more as they are; of shorter ones the first of their lane and pixel, and how many (`n`). */
export function requestItems(requests: RequestLanes, level: number, index: number): Columns {
  const { fromNs, toNs, width } = tileSpan(level, index)
  const out = columnsOf('lane', 'id', 'sent_ns', 'first_ns', 'end_ns', 'status', 'n')
  const small = new Map<number, number>()
  for (let i = firstFrom(requests.sent, fromNs - requests.longestNs); i < requests.rows; i++) {
    const [sent, end, lane] = [requests.sent[i] as number, requests.end[i] as number, requests.lane[i] as number]
    if (sent >= toNs) break
    if (end < fromNs) continue
    const key = lane * 1024 + Math.floor(sent / width) - index * 512
    if (end - sent < width) {
      const at = small.get(key)
      if (at !== undefined) {
        ;(out.data[6] as number[])[at]!++
        ;(out.data[4] as number[])[at] = end
        continue
      }
      small.set(key, (out.data[0] as number[]).length)
    }
    pushRow(
      out,
      lane,
      requests.id[i] as number,
      sent,
      requests.first[i] as number,
      end,
      requests.status[i] as number,
      1,
    )
  }
  return out
}

function firstFrom(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Token events of a tile: the first of each lane and pixel, and how many. */
export async function tokenTicks(
  reader: RunReader,
  requests: RequestLanes,
  level: number,
  index: number,
): Promise<Columns> {
  const { fromNs, toNs, width } = tileSpan(level, index)
  const out = columnsOf('lane', 'id', 'index', 't_ns', 'n')
  const seen = new Map<number, number>()
  const sql = `SELECT request_id::UINTEGER, "index"::UINTEGER, t_ns FROM chunks
    WHERE t_ns >= ${fromNs} AND t_ns < ${toNs} AND kind NOT IN ('role', 'usage') ORDER BY t_ns`
  for await (const { rows, columns } of reader.numbers(sql, true)) {
    const [id, at, t] = columns as [Uint32Array, Uint32Array, Float64Array]
    for (let i = 0; i < rows; i++) {
      const lane = requests.laneOf.get(id[i] as number)
      if (lane === undefined) continue
      const key = lane * 1024 + Math.floor((t[i] as number) / width) - index * 512
      const before = seen.get(key)
      if (before !== undefined) {
        ;(out.data[4] as number[])[before]!++
        continue
      }
      seen.set(key, (out.data[0] as number[]).length)
      pushRow(out, lane, id[i] as number, at[i] as number, t[i] as number, 1)
    }
  }
  return out
}

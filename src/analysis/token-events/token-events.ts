import type { RunReader } from '../../store/read/run-reader.ts'
import { RankFinder } from '../intervals/rank-finder.ts'
import { IS_TOKEN_EVENT } from '../populations.ts'
import { countOf, oneRow } from '../rows.ts'
import { type EventBatch, lateOf, NOT_COUNTED, type Numbers } from './event-batch.ts'
import { EventSums } from './event-sums.ts'
import { type RequestFacts, readRequestFacts } from './request-facts.ts'

/** Up to so many events are kept between passes, some 35 bytes each; of a longer run every pass reads them anew. */
const MOST_KEPT = 4_000_000
/** The token events of measured requests, for figures that have to see all of them, and more than once. */
export interface TokenEvents {
  readonly requests: RequestFacts
  readonly sums: EventSums
  /** How late the stamps of answered requests' events can be, counted; and the most of it, ns. */
  readonly late: RankFinder
  readonly latestNs: number
  /** One pass over all of them, or at least over those of these requests. */
  pass(visit: (batch: EventBatch) => void, ids?: readonly number[]): Promise<void>
}

/** Memory does not grow with the events. Of a live run, what requests had ended by now. */
export async function readTokenEvents(reader: RunReader): Promise<TokenEvents> {
  const requests = await readRequestFacts(reader)
  const inOrder = 'ORDER BY request_id, "index"'
  // Sorted by time, as they lie, each request's are in order, unless clocks of merged files went wrong.
  return (await firstPass(reader, requests, '')) ?? ((await firstPass(reader, requests, inOrder)) as TokenEvents)
}

/** Null where events of a request do not come in their order, unless they are put in order. */
async function firstPass(reader: RunReader, requests: RequestFacts, order: string): Promise<TokenEvents | null> {
  const sums = new EventSums(requests.count)
  const lastIndex = new Float64Array(requests.count).fill(-1)
  const late = new RankFinder()
  let lateNs = new Float64Array(0)
  let latestNs = Number.NEGATIVE_INFINITY
  const kept: EventBatch[] | null =
    countOf(await oneRow(reader, 'SELECT count(*) AS n FROM chunks'), 'n') > MOST_KEPT ? null : []
  for await (const [batch, index] of batches(reader, requests, order, { atOnce: kept !== null })) {
    for (let i = 0; i < batch.rows; i++) {
      const place = batch.place[i] as number
      if (place < 0) continue
      if ((index[i] as number) <= (lastIndex[place] as number) && order === '') return null
      lastIndex[place] = index[i] as number
    }
    sums.add(batch)
    if (lateNs.length < batch.rows) lateNs = new Float64Array(batch.rows)
    const answered = lateOf(batch, requests.answered, lateNs)
    late.count(lateNs, answered)
    for (let i = 0; i < answered; i++) if ((lateNs[i] as number) > latestNs) latestNs = lateNs[i] as number
    kept?.push(batch)
  }
  await addHeldBack(reader, requests, sums)
  return {
    requests,
    sums,
    late,
    latestNs,
    async pass(visit, ids) {
      if (kept !== null) for (const batch of kept) visit(batch)
      else for await (const [batch] of batches(reader, requests, order, { ids })) visit(batch)
    },
  }
}

/** Tokens that came in events without text: of no gap, but of the answer. */
async function addHeldBack(reader: RunReader, { placeOf }: RequestFacts, { tokens }: EventSums): Promise<void> {
  const rows = reader.numbers(
    `SELECT request_id, sum(tokens)::DOUBLE AS tokens FROM chunks WHERE NOT (${IS_TOKEN_EVENT}) AND tokens > 0 GROUP BY request_id`,
  )
  for await (const { rows: count, columns } of rows) {
    const [id, held] = columns as [Numbers, Numbers]
    for (let i = 0; i < count; i++) {
      const at = placeOf(id[i] as number)
      if (at >= 0) tokens[at] = (tokens[at] as number) + (held[i] as number)
    }
  }
}

async function* batches(
  reader: RunReader,
  { placeOf }: RequestFacts,
  order: string,
  { ids, atOnce = false }: { ids?: readonly number[] | undefined; atOnce?: boolean },
): AsyncGenerator<[batch: EventBatch, index: Numbers]> {
  const rows = reader.numbers(
    `SELECT request_id, "index", t_ns, late_ns, coalesce(tokens, ${NOT_COUNTED})::UINTEGER AS tokens, coalesced::UINTEGER AS coalesced
    FROM chunks WHERE ${IS_TOKEN_EVENT}${ids === undefined ? '' : ` AND request_id IN (${ids.join(', ')})`} ${order}`,
    atOnce,
  )
  for await (const { rows: count, columns, owner } of rows) {
    const [id, index, tNs, lateNs, tokens, coalesced] = columns as [
      Numbers,
      Numbers,
      Numbers,
      Numbers,
      Numbers,
      Numbers,
    ]
    const place = new Int32Array(count)
    for (let i = 0; i < count; i++) place[i] = placeOf(id[i] as number)
    yield [{ rows: count, place, tNs, lateNs, tokens, coalesced, owner }, index]
  }
}

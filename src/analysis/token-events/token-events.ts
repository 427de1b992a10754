import type { RunReader } from '../../store/read/run-reader.ts'
import { IS_TOKEN_EVENT } from '../populations.ts'
import { type EventBatch, NOT_COUNTED, type Numbers } from './event-batch.ts'
import { EventSums } from './event-sums.ts'
import { type RequestFacts, readRequestFacts } from './request-facts.ts'

/** Up to so many events are kept between passes, some 35 bytes each; of a longer run every pass reads them anew. */
const MOST_KEPT = 8_000_000
/** The token events of measured requests, for figures that have to see all of them, and more than once. */
export interface TokenEvents {
  readonly requests: RequestFacts
  readonly sums: EventSums
  /** One pass over all of them. */
  pass(visit: (batch: EventBatch) => void): Promise<void>
}

/** Memory does not grow with the events. Of a live run, what requests had ended by now. */
export async function readTokenEvents(reader: RunReader): Promise<TokenEvents> {
  const requests = await readRequestFacts(reader)
  // Sorted by time, as they lie, each request's are in order, unless clocks of merged files went wrong.
  const events =
    (await firstPass(reader, requests, '')) ?? (await firstPass(reader, requests, 'ORDER BY request_id, "index"'))
  if (events === null) throw new Error('two token events of a request have one index')
  return events
}

/** Null where events of a request do not come in their order. */
async function firstPass(reader: RunReader, requests: RequestFacts, order: string): Promise<TokenEvents | null> {
  const sums = new EventSums(requests.count)
  const lastIndex = new Float64Array(requests.count).fill(-1)
  let kept: EventBatch[] | null = []
  let rows = 0
  for await (const [batch, index] of batches(reader, requests, order)) {
    for (let i = 0; i < batch.rows; i++) {
      const place = batch.place[i] as number
      if (place < 0) continue
      if ((index[i] as number) < (lastIndex[place] as number) + (order === '' ? 1 : 0)) return null
      lastIndex[place] = index[i] as number
    }
    sums.add(batch)
    rows += batch.rows
    if (rows > MOST_KEPT) kept = null
    kept?.push(batch)
  }
  return {
    requests,
    sums,
    async pass(visit) {
      if (kept !== null) for (const batch of kept) visit(batch)
      else for await (const [batch] of batches(reader, requests, order)) visit(batch)
    },
  }
}

async function* batches(
  reader: RunReader,
  { placeOf }: RequestFacts,
  order: string,
): AsyncGenerator<[batch: EventBatch, index: Numbers]> {
  const rows = reader.numbers(
    `SELECT request_id, "index", t_ns, late_ns, coalesce(tokens, ${NOT_COUNTED})::UINTEGER AS tokens, coalesced::UINTEGER AS coalesced
    FROM chunks WHERE ${IS_TOKEN_EVENT} ${order}`,
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

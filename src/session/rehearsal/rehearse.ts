import { createRunClock } from '../../base/time.ts'
import { RequestClient } from '../../sources/requests/client.ts'
import { resolveTarget } from '../../sources/requests/target.ts'
import { RowBuffer } from '../../store/live/row-buffer.ts'
import type { TableDef } from '../../trace/columns.ts'
import { chunks, offers, requests } from '../../trace/tables.ts'
import type { ArrivalPrompts, ArrivalSchedule } from '../../workload/arrivals/arrival.ts'
import { OfferGate } from '../live/offer-gate.ts'
import { OpenLoop } from '../open-loop/open-loop.ts'
import { StopSignal } from '../stop-signal.ts'
import { CANNED_TOKENS, startCannedServer } from './canned-server.ts'

/** By then the code that a request goes through is compiled; measured by `bench/load`. */
const LASTS_MS = 400
const APART_US = 250
const MOST_IN_FLIGHT = 32

/**
 * Offers some hundred requests to a server in this process and forgets them. The code of a fresh process is slow until
 * it has run a while: without this the first second of a run would be late for the client's own reasons.
 */
export async function rehearse(): Promise<void> {
  const server = await startCannedServer().catch(() => null)
  // Where nothing can listen, the first second is as it is.
  if (server === null) return
  const clock = createRunClock()
  const target = resolveTarget({ url: `http://127.0.0.1:${server.port}`, endpoint: 'completions' })
  const sinks = { requests: forgotten(requests), chunks: forgotten(chunks), offers: forgotten(offers), texts: null }
  const client = new RequestClient(target, null, sinks, clock, {
    ...{ runId: 'rehearsal', shard: 0, keepTexts: false, keepTokenIds: false },
  })
  const offerer = new OpenLoop({
    ...{
      schedule: SCHEDULE,
      prompts: PROMPTS,
      speedup: 1,
      model: 'm',
      sampling: {},
      seed: 0,
      stream: true,
      roomOf: null,
    },
    ...{ maxInFlight: MOST_IN_FLIGHT, durationNs: LASTS_MS * 1e6, precise: false, dependency: 'schedule' },
  })
  try {
    await offerer.offer({
      ...{ client, clock, stop: new StopSignal(), gate: new OfferGate(clock.now) },
      send: (plan, encoded) => client.send(plan, undefined, encoded),
      refuse: (plan, why) => void client.refuse(plan, why),
    })
  } finally {
    await client.close()
    server.close()
  }
}

function forgotten<T extends TableDef>(table: T): RowBuffer<T> {
  return new RowBuffer(table, (columns) => columns)
}

const PROMPTS: ArrivalPrompts = {
  ...{ provenance: {}, notes: [] },
  promptOf: () => 'a rehearsal',
  intendedCachedTokens: () => 0,
}

const SCHEDULE: ArrivalSchedule = {
  ...{ provenance: {}, notes: [], total: null, spanUs: null, counts: {} },
  async *batches() {
    for (let index = 0; ; index += 64) {
      yield Array.from({ length: 64 }, (_, i) => ({
        ...{ index: index + i, tUs: (index + i) * APART_US, inputTokens: 4, outputTokens: CANNED_TOKENS },
        ...{ session: null, blocks: null },
      }))
    }
  },
}

import { createRunClock } from '../../base/time.ts'
import { RequestClient } from '../../sources/requests/client.ts'
import { resolveTarget } from '../../sources/requests/target.ts'
import { RowBuffer } from '../../store/live/row-buffer.ts'
import type { TableDef } from '../../trace/columns.ts'
import { chunks, offers, requests } from '../../trace/tables.ts'
import type { ArrivalPrompts, ArrivalSchedule } from '../../workload/arrivals/arrival.ts'
import { OfferGate } from '../live/offer-gate.ts'
import { closedLoop, type Desk, type Draft, usersOf } from '../offer.ts'
import { OpenLoop } from '../open-loop/open-loop.ts'
import { StopSignal } from '../stop-signal.ts'
import { CANNED_TOKENS, startCannedServer } from './canned-server.ts'

/** By then the code that a request runs through is compiled; measured by `bench/load`. */
const LASTS_MS = 400
/** A user waits for each answer: one alone asks little of the client, and as many users as may be in flight ask for all of the time. */
const REQUESTS_PER_USER = 50
const APART_US = 250
const MOST_IN_FLIGHT = 32

/**
 * Warms up an open loop: offers some hundred requests to a server in this process and discards them. The code of a fresh process is slow
 * until it has run a while: without this the first second of a run would be late because of the client itself.
 */
export function rehearse(): Promise<void> {
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
  return atCannedServer((desk) => offerer.offer(desk))
}

/** Warms up a closed loop of so many users, with as many requests in flight: the fewer users, the less it takes. */
export function rehearseUsers(users: number): Promise<void> {
  const inFlight = Math.min(users, MOST_IN_FLIGHT)
  const drafts = Array.from({ length: inFlight * REQUESTS_PER_USER }, (_, requestId) => ({ ...DRAFT, requestId }))
  return atCannedServer(async (desk) => {
    const limit = setTimeout(() => desk.stop.advance(), LASTS_MS)
    await closedLoop(usersOf(drafts, inFlight), desk)
    clearTimeout(limit)
  })
}

async function atCannedServer(offer: (desk: Desk) => Promise<void>): Promise<void> {
  const server = await startCannedServer().catch(() => null)
  // If nothing can listen, there is no warm-up.
  if (server === null) return
  const clock = createRunClock()
  const target = resolveTarget({ url: `http://127.0.0.1:${server.port}`, endpoint: 'completions' })
  const sinks = { requests: forgotten(requests), chunks: forgotten(chunks), offers: forgotten(offers), texts: null }
  const client = new RequestClient(target, null, sinks, clock, {
    ...{ runId: 'rehearsal', shard: 0, keepTexts: false, keepTokenIds: false },
  })
  try {
    await offer({
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

const DRAFT: Draft = {
  ...{ requestId: 0, promptId: null, prompt: 'a rehearsal', maxTokens: CANNED_TOKENS, model: 'm', sampling: {} },
  ...{ phase: 'warmup', repeat: 0, attrs: null, stream: true },
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

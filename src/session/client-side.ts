import type { RunClock } from '../base/time.ts'
import { startClientWatch } from '../sources/client-watch/client-watch.ts'
import {
  type ClientSinks,
  type LiveCounts,
  RequestClient,
  type RequestHooks,
  type RequestOutcome,
} from '../sources/requests/client.ts'
import type { ServerInfo } from '../sources/requests/probe.ts'
import type { Target } from '../sources/requests/target.ts'
import type { OfferGate } from './live/offer-gate.ts'
import type { Desk, Draft } from './offer.ts'
import type { StopSignal } from './stop-signal.ts'

/** After the first Ctrl-C, requests in flight have this long to end. */
const DRAIN_MS = 5_000

export interface ClientSideOptions {
  readonly target: Target
  readonly server: ServerInfo
  readonly runId: string
  readonly shard: number
  readonly keepTexts: boolean
  readonly keepTokenIds: boolean
  readonly retries: number
  readonly clock: RunClock
  /** Gives fresh track ids of the run. */
  readonly trackIds: () => number
}

/** Called for each request. */
export interface ClientSideView {
  /** Where latencies are counted as they arrive. */
  readonly live?: LiveCounts
  hooks?(draft: Draft): RequestHooks
  ended?(draft: Draft, outcome: RequestOutcome, scheduledNs: number): void
  stopping?(stage: 'draining' | 'cut'): void
}

export interface ClientSide extends Desk {
  /** Cuts off requests in flight and ends the watch; results after a signal are ignored. */
  close(): Promise<void>
}

/** The request client of one process, watched, and drained when the run is to stop. */
export function startClientSide(
  options: ClientSideOptions,
  writers: ClientSinks & Parameters<typeof startClientWatch>[1],
  gate: OfferGate,
  stop: StopSignal,
  view: ClientSideView,
): ClientSide {
  const { clock, target, server, runId, shard, keepTexts, keepTokenIds, retries } = options
  const watch = startClientWatch({ clock, trackIds: options.trackIds }, writers)
  const sinks = { ...writers, texts: keepTexts ? writers.texts : null }
  const client = new RequestClient(target, server, sinks, clock, {
    ...{ runId, shard, keepTexts, keepTokenIds, retries },
    live: view.live,
  })
  const drain = drainOnStop(client, stop, view)
  return {
    client,
    clock,
    stop,
    gate,
    async send(plan, encoded) {
      const outcome = await client.send(plan, view.hooks?.(plan), encoded)
      view.ended?.(plan, outcome, plan.scheduledNs)
      return outcome
    },
    refuse(plan, why) {
      const outcome = client.refuse(plan, why)
      view.ended?.(plan, outcome, plan.scheduledNs)
    },
    async close() {
      drain.end()
      await client.close()
      watch.stop()
    },
  }
}

function drainOnStop(client: RequestClient, stop: StopSignal, view: ClientSideView): { end(): void } {
  let timer: NodeJS.Timeout | undefined
  let over = false
  stop.onChange((stage) => {
    // While the run is sealed there is nothing to wait for.
    if (stage === 'running' || over) return
    view.stopping?.(stage)
    clearTimeout(timer)
    if (stage === 'cut') client.cancelAll('interrupted')
    else timer = setTimeout(() => client.cancelAll('interrupted'), DRAIN_MS)
  })
  return {
    end() {
      over = true
      clearTimeout(timer)
    },
  }
}

import { LayerlineError } from '../../base/errors.ts'
import type { Arrival, ArrivalSchedule } from '../arrivals/arrival.ts'
import { type CountReason, syntheticArrivals } from './synthetic-arrivals.ts'
import type { SyntheticLoad } from './synthetic-load.ts'

const BATCH = 256

/**
 * The schedule of a load without a trace. The same load gives the same arrivals, however they are read; nothing of it is
 * kept but the conversations under way. Throws `usage/load` for an open loop without an end.
 */
export function syntheticSchedule(load: SyntheticLoad): ArrivalSchedule {
  if (load.process !== null && load.requests === null && load.durationS === null) {
    throw new LayerlineError('usage/load', 'nothing says when the load ends', { hint: 'give --requests or --duration' })
  }
  const counts: Record<string, number> = {}
  return {
    provenance: provenanceOf(load),
    notes: notesOf(load),
    total: load.durationS === null ? load.requests : null,
    spanUs: load.process !== null && load.durationS !== null && load.requests === null ? load.durationS * 1e6 : null,
    counts,
    async *batches(from = 0) {
      // Each reading counts anew: otherwise two readings would count twice.
      for (const reason of Object.keys(counts)) delete counts[reason]
      let batch: Arrival[] = []
      const count = (reason: CountReason) => {
        counts[reason] = (counts[reason] ?? 0) + 1
      }
      for (const arrival of syntheticArrivals(load, count)) {
        if (arrival.index < from) continue
        batch.push(arrival)
        if (batch.length < BATCH) continue
        yield batch
        batch = []
      }
      if (batch.length > 0) yield batch
    },
  }
}

function provenanceOf(load: SyntheticLoad): Record<string, unknown> {
  const { process, lengths, turns, think } = load
  return {
    kind: 'synthetic',
    seed: load.seed,
    arrival: process === null ? 'closed loop' : { process: process.name, ...process.parameters },
    ...lengths.provenance,
    requests: load.requests,
    duration_s: load.durationS,
    ...(load.sharedPrefix === null
      ? {}
      : { shared_prefix_tokens: load.sharedPrefix.tokens, shared_prefix_count: load.sharedPrefix.count }),
    ...(turns === null ? {} : { turns: turns.provenance, think_time_s: think?.provenance ?? 0 }),
  }
}

function notesOf(load: SyntheticLoad): string[] {
  const { process, lengths, turns, sharedPrefix } = load
  const notes: string[] = []
  if (process !== null) {
    const rate = process.meanRate === null ? 'no mean rate' : `${figure(process.meanRate)} a second over a long time`
    const what = turns === null ? 'requests' : 'conversations'
    notes.push(`arrivals: ${process.name}, ${rate} (${what})`)
  }
  if (turns !== null && process?.meanRate != null) {
    const turnsMean = turns.distribution.mean
    if (Number.isFinite(turnsMean)) {
      notes.push(
        `with ${figure(turnsMean)} turns each that is ${figure(process.meanRate * turnsMean)} requests a second`,
      )
    }
  }
  if (turns !== null) {
    notes.push('each turn carries all earlier ones: --input-tokens is what it adds, and prompts grow')
  }
  const tokens = [
    `${figure(lengths.meanInput)} in`,
    lengths.meanOutput === null ? 'answers as long as the model likes' : `${figure(lengths.meanOutput)} out`,
  ]
  notes.push(`tokens a ${turns === null ? 'request' : 'turn'}, on average before bounds: ${tokens.join(', ')}`)
  if (sharedPrefix !== null) {
    notes.push(
      `the first ${sharedPrefix.tokens} tokens of each prompt are one of ${sharedPrefix.count} shared beginnings, inside its length`,
    )
    if (lengths.meanInput <= sharedPrefix.tokens) notes.push('most prompts are shorter than the shared beginning')
  }
  return notes
}

function figure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'no mean'
}

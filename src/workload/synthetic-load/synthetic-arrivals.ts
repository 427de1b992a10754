import { type RandomStream, randomStream } from '../../base/random-stream.ts'
import type { Arrival } from '../arrivals/arrival.ts'
import type { ClipReason } from '../lengths/request-lengths.ts'
import { drawBounded } from '../lengths/request-lengths.ts'
import { type PendingTurn, PendingTurns } from './pending-turns.ts'
import type { SyntheticLoad } from './synthetic-load.ts'

export type CountReason = ClipReason | 'turns_clipped' | 'think_time_clipped' | 'only_shared_prefix'
type Count = (reason: CountReason) => void

/** A conversation between two of its turns. */
interface Conversation extends PendingTurn {
  readonly turn: number
  readonly turns: number
  readonly thinkUs: number
  /** Tokens of all earlier turns: prompts and answers. */
  readonly saidTokens: number
  readonly prefix: number | null
  readonly random: RandomStream
}

/** The arrivals of a load, one by one, the same for the same load; endless where nothing ends it. */
export function syntheticArrivals(load: SyntheticLoad, count: Count): Generator<Arrival, void> {
  return load.turns === null ? singleRequests(load, count) : conversations(load, count)
}

function* singleRequests(load: SyntheticLoad, count: Count): Generator<Arrival, void> {
  const next = timesOf(load)
  const random = randomStream('lengths', load.seed)
  const prefixes = randomStream('prefixes', load.seed)
  for (let index = 0; ; index++) {
    const tUs = next()
    if (isOver(load, index, tUs)) return
    const { input, output } = load.lengths.draw(random, count)
    const prefix = load.sharedPrefix && prefixes.below(load.sharedPrefix.count)
    yield {
      index,
      tUs,
      inputTokens: input,
      outputTokens: output,
      session: null,
      ...prefixOf(load, prefix, input, count),
      blocks: null,
    }
  }
}

function* conversations(load: SyntheticLoad, count: Count): Generator<Arrival, void> {
  const next = timesOf(load)
  const pending = new PendingTurns<Conversation>()
  let begins = next()
  let session = 0
  for (let index = 0; ; index++) {
    const later = pending.next
    // In a closed loop each conversation is completed before the next: the offering side runs several at once.
    const goesOn = later !== undefined && (load.process === null || later.tUs <= begins)
    let now: Conversation
    if (goesOn) {
      pending.pop()
      now = later
    } else {
      now = beginning(load, session++, begins, count)
      begins = next()
    }
    if (isOver(load, index, now.tUs)) return
    const { input, output } = load.lengths.draw(now.random, count)
    const inputTokens = now.saidTokens + input
    yield {
      index,
      tUs: now.tUs,
      inputTokens,
      outputTokens: output,
      session: { id: `s${now.session}`, turn: now.turn, thinkUs: now.thinkUs },
      ...prefixOf(load, now.prefix, inputTokens, count),
      blocks: null,
    }
    if (now.turn + 1 === now.turns) continue
    const thinkUs =
      load.think === null ? 0 : drawBounded(load.think, now.random, () => count('think_time_clipped')) * 1e6
    pending.push({
      ...now,
      tUs: load.process === null ? 0 : now.tUs + thinkUs,
      thinkUs,
      turn: now.turn + 1,
      saidTokens: inputTokens + (output ?? 0),
    })
  }
}

/** Each conversation draws from a stream of its own: how they overlap in time changes none of them. */
function beginning(load: SyntheticLoad, session: number, tUs: number, count: Count): Conversation {
  const random = randomStream('conversation', load.seed, session)
  const turns = load.turns === null ? 1 : drawBounded(load.turns, random, () => count('turns_clipped'))
  const prefix = load.sharedPrefix && random.below(load.sharedPrefix.count)
  return { tUs, session, turn: 0, turns, thinkUs: 0, saidTokens: 0, prefix, random }
}

function prefixOf(load: SyntheticLoad, prefix: number | null, inputTokens: number, count: Count) {
  if (load.sharedPrefix === null || prefix === null) return {}
  const { tokens } = load.sharedPrefix
  if (inputTokens <= tokens) count('only_shared_prefix')
  return { prefix: { id: prefix, tokens } }
}

function isOver({ requests, durationS }: SyntheticLoad, index: number, tUs: number): boolean {
  if (requests !== null && index >= requests) return true
  return tUs === Number.POSITIVE_INFINITY || (durationS !== null && tUs >= durationS * 1e6)
}

function timesOf(load: SyntheticLoad): () => number {
  return load.process?.start(randomStream('arrivals', load.seed)) ?? (() => 0)
}

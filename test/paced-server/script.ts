import { type Channel, ChunkJson } from './chunk-json.ts'
import type { Completion } from './completion.ts'
import { SseText } from './sse-text.ts'
import { hashText, seededDraws } from './words.ts'

/** One event of an answer: what is written, and when. */
export interface Step {
  /** ms after the body was received. */
  readonly atMs: number
  readonly text: string
  /** As in RequestTruth.kinds; '' for what is no event (comments, `[DONE]`). */
  readonly kind: string
  readonly tokens: number
  /** Written as it is, outside the HTTP framing. */
  readonly raw?: true
  /** What happens instead of a write. */
  readonly fault?: 'rst' | 'fin' | 'stall'
}

const LETTER = { content: 'c', reasoning: 't', tool: 'f' } as const

/**
 * The events of a streamed answer in order. Deterministic: a second pass yields the same. With `skip`, the tokens from
 * skip.from to skip.to are skipped, for a caller that writes them itself.
 */
export function* script(c: Completion, skip?: { from: number; to: number }): Generator<Step> {
  const { behaviour: b } = c
  const sse = new SseText(b)
  const json = new ChunkJson(c)
  const step = (atMs: number, payload: string, kind: string, tokens = 0): Step => ({
    atMs,
    text: sse.json(payload),
    kind,
    tokens,
  })
  const draw = seededDraws(b.seed ^ hashText(c.id))
  const faulty = b.fault !== 'none' && !b.fault.endsWith('_head')

  if (c.chat && b.role === 'at_once') yield step(0, json.role(), 'r')
  for (let i = 0; i < b.empty_events; i++) yield step(0, json.empty(), 'e')
  if (c.chat && b.role === 'with_first') yield step(b.ttft_ms, json.role(), 'r')

  let lateMs = 0
  let events = 0
  let lastMs = 0
  for (let from = 0, to = 0; from < c.tokens; from = to) {
    if (faulty && events === b.fault_after) {
      yield* fault(c, sse, json, lastMs)
      if (b.fault === 'error_event') return
      if (b.fault === 'stall') lateMs = b.stall_ms ?? Number.POSITIVE_INFINITY
    }
    if (from === skip?.from) from = skip.to
    const [channel, end] = channelAt(c, from)
    to = Math.min(from + b.tokens_per_event, end)
    const swing = events === 0 || b.jitter === 0 ? 0 : (draw() - 0.5) * b.jitter * b.itl_ms
    lastMs = b.ttft_ms + events * b.itl_ms + swing + lateMs
    const finish = to === c.tokens && b.finish === 'with_last' ? c.finishReason : null
    const extra = from === 0 ? 'x'.repeat(b.huge_event_bytes) : ''
    yield step(lastMs, json.tokens(channel, from, to, finish, extra), LETTER[channel], to - from)
    events++
  }
  if (faulty && events <= b.fault_after) {
    yield* fault(c, sse, json, lastMs)
    if (b.fault === 'error_event') return
    if (b.fault === 'stall') lastMs += b.stall_ms ?? Number.POSITIVE_INFINITY
  }
  if (b.finish === 'own_event') yield step(lastMs, json.finish(c.finishReason), 'e')
  if (c.usage !== 'never') yield step(lastMs, json.usage(), 'u')
  if (b.done) yield { atMs: lastMs, text: sse.event('[DONE]'), kind: '', tokens: 0 }
}

function* fault(c: Completion, sse: SseText, json: ChunkJson, atMs: number): Generator<Step> {
  const { fault: kind } = c.behaviour
  const nothing = { atMs, text: '', kind: '', tokens: 0 }
  if (kind === 'rst' || kind === 'fin') yield { ...nothing, atMs: atMs + c.behaviour.fault_ms, fault: kind }
  else if (kind === 'stall') yield { ...nothing, fault: kind }
  else if (kind === 'bad_json') yield { ...nothing, text: sse.event('{"id":"cmpl-broken","choices":[{'), kind: '?' }
  else if (kind === 'bad_chunk') yield { ...nothing, text: 'zz\r\n', raw: true }
  else if (kind === 'error_event') {
    yield { ...nothing, text: sse.json(json.error(c.behaviour.message ?? 'the engine died')), kind: 'x' }
    if (c.behaviour.done) yield { ...nothing, text: sse.event('[DONE]') }
  }
}

/** Which channel token `index` belongs to, and the first token after that channel. */
function channelAt(c: Completion, index: number): [Channel, number] {
  if (!c.chat) return ['content', c.tokens]
  const thought = Math.min(c.behaviour.reasoning_tokens, c.tokens)
  if (index < thought) return ['reasoning', thought]
  const calls = Math.max(thought, c.tokens - c.behaviour.tool_tokens)
  return index < calls ? ['content', calls] : ['tool', c.tokens]
}

/** Puts `: ping` comments wherever nothing is written for longer than `everyMs`. */
export function* withPings(steps: Iterable<Step>, everyMs: number, ping: string): Generator<Step> {
  let last = 0
  for (const step of steps) {
    for (let at = last + everyMs; at < step.atMs && at !== Number.POSITIVE_INFINITY; at += everyMs) {
      yield { atMs: at, text: ping, kind: '', tokens: 0 }
    }
    last = step.atMs
    yield step
  }
}

/** Steps that leave in one write, when the last of them is due. */
export function* grouped(steps: Iterable<Step>, eventsPerWrite: number): Generator<Step[]> {
  let group: Step[] = []
  for (const step of steps) {
    if (step.raw || step.fault) {
      if (group.length > 0) yield group
      yield [step]
      group = []
      continue
    }
    group.push(step)
    if (group.length >= eventsPerWrite) {
      yield group
      group = []
    }
  }
  if (group.length > 0) yield group
}

import { type Answer, chunk, goodAnswer, ROLE, sse, usageChunk } from './case-server.ts'

/** A gateway that holds events back: 64 words, one every 20 ms, handed over so many at a time. */
export function bursts(size: number): Answer {
  return async (_, reply) => {
    let held = sse(chunk(ROLE))
    let started = size === 64
    if (started) {
      reply.start()
      reply.write(held)
      held = ''
    }
    for (let i = 0; i < 64; i++) {
      if (!(await reply.ms(20))) return
      held += sse(chunk(` w${i}`))
      if ((i + 1) % size !== 0) continue
      if (!started) reply.start()
      started = true
      reply.write(held)
      held = ''
    }
    reply.write(sse(chunk({}, 'length')) + sse(usageChunk(11, 64)) + sse('[DONE]'))
    reply.end()
  }
}

/** Answers without a token, of four in turn: 8 words, a role alone, `[DONE]` alone, no byte. */
export const empties: Answer = async (asked, reply) => {
  const kind = asked.n % 4
  if (kind === 0) return goodAnswer(reply, 8, 15)
  reply.start()
  if (kind === 1) {
    for (const event of [chunk(ROLE), chunk({}, 'stop'), usageChunk(11, 0), '[DONE]']) reply.event(event)
  } else if (kind === 2) reply.event('[DONE]')
  reply.end()
}

/** What each request's `Retry-After` says, and the shortest and longest wait before tries 2 and 3 that is right, s. */
export const RETRY_AFTERS: readonly [header: string | null, waits: readonly [number, number][]][] = [
  [
    '-1',
    [
      [0.4, 0.9],
      [0.8, 1.6],
    ],
  ],
  [
    '5, 5',
    [
      [0.4, 0.9],
      [0.8, 1.6],
    ],
  ],
  [
    '1.5',
    [
      [1.4, 2.3],
      [1.4, 2.3],
    ],
  ],
  [
    '0',
    [
      [0, 0.35],
      [0, 0.35],
    ],
  ],
  [
    'Mon, 01 Jan 2001 00:00:00 GMT',
    [
      [0, 0.35],
      [0, 0.35],
    ],
  ],
  [
    null,
    [
      [0.4, 0.9],
      [0.8, 1.6],
    ],
  ],
  [
    '30s',
    [
      [0.4, 0.9],
      [0.8, 1.6],
    ],
  ],
]

/** Refuses each request twice. */
export function busyTwice(): Answer {
  const seen = new Map<string, number>()
  return async (asked, reply) => {
    const id = asked.headers.get('x-request-id') ?? ''
    const tries = seen.get(id) ?? 0
    seen.set(id, tries + 1)
    if (tries >= 2) return goodAnswer(reply)
    const [header] = RETRY_AFTERS[[...seen.keys()].indexOf(id) % RETRY_AFTERS.length] ?? [null]
    reply.json({ error: { message: 'busy' } }, 429, header === null ? [] : [`Retry-After: ${header}`])
  }
}

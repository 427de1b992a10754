import { describe, expect, test } from 'vitest'
import { type Answer, chunk, goodAnswer, type Reply, ROLE, usage, usageChunk } from './case-server.ts'
import { recorded } from './recorded.ts'

const SHORT = { firstTokenMs: 2_000, idleMs: 150, connectMs: 5_000, totalMs: 0 }

function started(reply: Reply, count = 0, finish: unknown = null): void {
  reply.start()
  reply.event(chunk(ROLE))
  for (let i = 0; i < count; i++) reply.event(chunk(` w${i}`, finish))
}

describe('ended is not answered', () => {
  test.each<[string, (reply: Reply) => void, object]>([
    ['[DONE] alone', (reply) => reply.event('[DONE]'), {}],
    [
      'choices: [] and [DONE]',
      (reply) => {
        reply.event({ ...chunk(), choices: [] })
        reply.event('[DONE]')
      },
      {},
    ],
    ['choices: [] and the end', (reply) => reply.event({ ...chunk(), choices: [] }), {}],
    [
      'a role, a reason, a usage of nothing',
      (reply) => {
        reply.event(chunk(ROLE))
        reply.event(chunk({}, 'stop'))
        reply.event(usageChunk(11, 0))
        reply.event('[DONE]')
      },
      { finishReason: 'stop', outputTokens: 0 },
    ],
    [
      'a role and [DONE]',
      (reply) => {
        reply.event(chunk(ROLE))
        reply.event('[DONE]')
      },
      { finishReason: null },
    ],
    [
      'null in place of a delta',
      (reply) => {
        reply.event({ ...chunk(), choices: [{ index: 0, delta: null, finish_reason: 'stop' }] })
        reply.event('[DONE]')
      },
      { finishReason: 'stop' },
    ],
  ])('%s: empty', async (_, answer, expected) => {
    const { outcomes, requests, tokenEvents } = await recorded((_, reply) => {
      reply.start()
      answer(reply)
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ status: 'empty', httpStatus: 200, error: expect.any(String), ...expected })
    expect(requests[0]).toMatchObject({ status: 'empty', first_token_ns: null, last_token_ns: null })
    expect(tokenEvents()).toEqual([])
  })

  test('a body of no bytes is malformed', async () => {
    const { outcomes } = await recorded((_, reply) => {
      reply.start()
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ status: 'malformed', httpStatus: 200 })
  })

  test('tokens that the server counts and whose text nobody sees are an answer, with no first token', async () => {
    const { outcomes, requests } = await recorded((_, reply) => {
      started(reply)
      reply.event(chunk({}, 'length'))
      reply.event(usageChunk(11, 1))
      reply.event('[DONE]')
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ status: 'ok', outputTokens: 1, tokenEvents: 0 })
    expect(requests[0]?.first_token_ns).toBeNull()
  })

  test('where no token was asked for, none is no fault', async () => {
    const { outcomes } = await recorded(
      (_, reply) => {
        reply.start()
        reply.event('[DONE]')
        reply.end()
      },
      { plan: { maxTokens: 0 } },
    )
    expect(outcomes[0]?.status).toBe('ok')
  })

  test.each<[string, object]>([
    ['choices: []', { choices: [] }],
    [
      'an empty text',
      {
        choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'stop' }],
        usage: usage(3, 0),
      },
    ],
    ['null as content', { choices: [{ index: 0, message: { content: null }, finish_reason: 'stop' }] }],
  ])('without streaming, %s: empty', async (_, body) => {
    const { outcomes } = await recorded((_, reply) => reply.json(body), { plan: { stream: false } })
    expect(outcomes[0]).toMatchObject({ status: 'empty', httpStatus: 200 })
  })
})

describe('an empty finish_reason is none', () => {
  const cut: Answer[] = [
    (_, reply) => {
      started(reply, 6, '')
      reply.event(chunk({}, 'stop'))
      reply.event(usageChunk(11, 6))
      reply.event('[DONE]')
      reply.end()
    },
    (_, reply) => {
      started(reply, 3, '')
      reply.end()
    },
    (_, reply) => {
      reply.start({ framing: 'close' })
      for (let i = 0; i < 3; i++) reply.event(chunk(` w${i}`, ''))
      reply.end()
    },
    (_, reply) => {
      started(reply, 6, '')
      reply.event(chunk({}, ''))
      reply.event('[DONE]')
      reply.end()
    },
    (_, reply) => {
      started(reply, 3, 'null')
      reply.end()
    },
  ]
  test('a stream that is cut is no finished one', async () => {
    const { outcomes } = await recorded((asked, reply) => cut[asked.n]?.(asked, reply), { count: cut.length })
    expect(
      outcomes.map(({ status, finishReason, tokenSource, outputTokens }) => [
        status,
        finishReason,
        tokenSource,
        outputTokens,
      ]),
    ).toEqual([
      ['ok', 'stop', 'usage', 6],
      ['truncated', null, 'chunks', 3],
      ['truncated', null, 'chunks', 3],
      ['ok', null, 'chunks', 6],
      ['truncated', null, 'chunks', 3],
    ])
  })
})

describe('a complete answer whose stream does not end', () => {
  const complete: [string, (reply: Reply) => void][] = [
    [
      'finish reason, then usage',
      (reply) => {
        reply.event(chunk({}, 'stop'))
        reply.event(usageChunk(11, 8))
      },
    ],
    ['usage with the finish reason', (reply) => reply.event(chunk({}, 'stop', { usage: usage(11, 8) }))],
    [
      'usage in an event with an empty choice (LiteLLM)',
      (reply) => {
        reply.event(chunk({}, 'stop'))
        reply.event(chunk({ content: '' }, null, { usage: usage(11, 8) }))
      },
    ],
    [
      'usage in the choice (Moonshot)',
      (reply) =>
        reply.event({ ...chunk(), choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage: usage(11, 8) }] }),
    ],
    ['x_groq.usage', (reply) => reply.event(chunk({}, 'stop', { x_groq: { usage: usage(11, 8) } }))],
  ]
  const stays = async (reply: Reply) => {
    while (await reply.ms(40)) reply.write(': ping\n\n')
  }

  test.each(complete)('%s, and pings for ever: ok at that moment', async (_, last) => {
    const { outcomes } = await recorded(
      async (asked, reply) => {
        if (asked.n === 1) return goodAnswer(reply)
        started(reply, 8)
        last(reply)
        await stays(reply)
      },
      { count: 2, target: { timeouts: { ...SHORT, idleMs: 20_000 } } },
    )
    const [first, second] = outcomes
    expect(first).toMatchObject({
      status: 'ok',
      finishReason: 'stop',
      outputTokens: 8,
      inputTokens: 11,
      note: expect.any(String),
    })
    // Ended when its last event came, not when it was found to be over.
    expect((first?.endNs ?? 0) - (first?.lastTokenNs ?? 0)).toBeLessThan(0.9e9)
    expect(second).toMatchObject({ status: 'ok', connReused: false, note: null })
  })

  test.each<[string, (reply: Reply) => void]>([
    ['closed', (reply) => reply.close()],
    ['reset', (reply) => reply.reset()],
  ])('%s within its framing after usage: ok', async (_, goes) => {
    const { outcomes } = await recorded(async (_, reply) => {
      started(reply, 8)
      reply.event(chunk({}, 'stop', { usage: usage(11, 8) }))
      await reply.ms(100)
      goes(reply)
    })
    expect(outcomes[0]).toMatchObject({ status: 'ok', outputTokens: 8, note: expect.any(String) })
  })

  test('a finish reason alone is not complete: cut there, it is truncated', async () => {
    const { outcomes } = await recorded(async (_, reply) => {
      started(reply, 8)
      reply.event(chunk({}, 'stop'))
      reply.close()
    })
    expect(outcomes[0]).toMatchObject({ status: 'truncated' })
  })

  test('a finish reason and then silence: ok once the idle timeout says that nothing comes', async () => {
    const { outcomes } = await recorded(
      async (_, reply) => {
        started(reply, 8)
        reply.event(chunk({}, 'stop'))
        while (await reply.ms(20)) reply.write(': ping\n\n')
      },
      { target: { timeouts: SHORT } },
    )
    expect(outcomes[0]).toMatchObject({ status: 'ok', finishReason: 'stop', outputTokens: 8 })
  })

  test('finish reason and usage in every event say nothing: a stream that is cut is truncated', async () => {
    const { outcomes } = await recorded(async (_, reply) => {
      reply.start()
      for (let i = 0; i < 5; i++) reply.event(chunk(` w${i}`, 'stop', { usage: usage(11, i + 1) }))
      reply.close()
    })
    expect(outcomes[0]).toMatchObject({ status: 'truncated', tokenEvents: 5 })
  })

  test('one of two choices that finished does not end the answer', async () => {
    const choice = (index: number, delta: object, finish: string | null = null) => ({
      ...chunk(),
      choices: [{ index, delta, finish_reason: finish }],
    })
    const { outcomes } = await recorded(
      async (_, reply) => {
        reply.start()
        reply.event(choice(1, { content: 'b' }))
        reply.event(choice(0, { content: 'a' }))
        reply.event({ ...choice(0, {}, 'stop'), usage: usage(11, 2) })
        await reply.ms(1_300)
        reply.event(choice(1, { content: 'b' }))
        reply.event(choice(1, {}, 'length'))
        reply.event(usageChunk(11, 3))
        reply.event('[DONE]')
        reply.end()
      },
      { target: { timeouts: { ...SHORT, idleMs: 10_000 } } },
    )
    expect(outcomes[0]).toMatchObject({ status: 'ok', outputTokens: 3, tokenEvents: 3 })
    expect(outcomes[0]?.note).toContain('1 more choice')
  })
})

describe('comments and pings are no progress', () => {
  const PINGS: [string, string][] = [
    ['comments', ': ping\n\n'],
    ['empty data', 'data:\n\n'],
    ['white space as data', 'data:    \n\n'],
    ['events named ping', 'event: ping\ndata: {"type":"ping"}\n\n'],
    ['events named ping that are no JSON', 'event: ping\ndata: 2026-01-01\n\n'],
    ['empty deltas', `data: ${JSON.stringify(chunk({ content: '' }))}\n\n`],
    ['choices: []', 'data: {"choices":[]}\n\n'],
    ['JSON of a ping', 'data: {"type":"ping"}\n\n'],
    ['data that is a comment', 'data: : KEEP-ALIVE\n\n'],
    ['line ends', '\n\n'],
  ]
  const ping = async (reply: Reply, text: string) => {
    while (await reply.ms(20)) reply.write(text)
  }

  test.each(PINGS)('%s: a stalled answer ends with the idle timeout', async (_, text) => {
    const { outcomes } = await recorded(
      async (asked, reply) => {
        if (asked.n === 1) return goodAnswer(reply)
        started(reply, 3)
        await ping(reply, text)
      },
      { count: 2, target: { timeouts: SHORT } },
    )
    const [first, second] = outcomes
    expect(first).toMatchObject({ status: 'timeout', tokenEvents: 3, error: expect.stringContaining('idle timeout') })
    const waitedNs = (first?.endNs ?? 0) - (first?.lastTokenNs ?? 0)
    expect(waitedNs).toBeGreaterThan(150e6)
    expect(second?.status).toBe('ok')
  })

  test('they do not end the wait for the first token, and do not lengthen it', async () => {
    const timeouts = { ...SHORT, firstTokenMs: 2_500 }
    const { outcomes, events } = await recorded(
      async (asked, reply) => {
        reply.start()
        for (let i = 0; i < 10; i++) {
          await reply.ms(25)
          reply.write(': ping\n\n')
        }
        if (asked.n === 0) {
          reply.event(chunk('late'))
          reply.event(chunk({}, 'stop'))
          reply.event('[DONE]')
          reply.end()
        } else await ping(reply, ': ping\n\n')
      },
      { count: 2, target: { timeouts } },
    )
    expect(outcomes[0]).toMatchObject({ status: 'ok', tokenEvents: 1 })
    expect(outcomes[0]!.firstTokenNs - outcomes[0]!.sentNs).toBeGreaterThan(240e6)
    expect(events(0)).toHaveLength(2)
    expect(outcomes[1]).toMatchObject({ status: 'timeout', error: expect.stringContaining('first-token timeout') })
  })

  test('nor is white space before a whole answer', async () => {
    const { outcomes } = await recorded(
      async (asked, reply) => {
        reply.start({ type: 'application/json' })
        for (let i = 0; i < 12 || asked.n === 1; i++) {
          reply.write(' ')
          if (!(await reply.ms(20))) return
        }
        reply.write(JSON.stringify({ choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }] }))
        reply.end()
      },
      { count: 2, plan: { stream: false }, target: { timeouts: { ...SHORT, firstTokenMs: 2_500 } } },
    )
    expect(outcomes[0]).toMatchObject({ status: 'ok', text: 'hi' })
    expect(outcomes[1]).toMatchObject({ status: 'timeout', error: expect.stringContaining('first-token timeout') })
  })
})

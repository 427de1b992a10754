import { describe, expect, test } from 'vitest'
import { chunk, ROLE, usage, usageChunk } from './case-server.ts'
import { recorded } from './recorded.ts'

type Count = number | null | 'absent'
const more = (count: Count) => (count === 'absent' ? {} : { usage: count === null ? null : usage(11, count) })

/** Eight words with these counts, `last` with the finish reason, and `total` on an event of its own. */
async function counted(
  counts: readonly Count[],
  { role = 'absent' as Count, last = 'absent' as Count, total = 'absent' as Count } = {},
) {
  const found = await recorded((_, reply) => {
    reply.start()
    reply.event(chunk(ROLE, null, more(role)))
    counts.forEach((count, i) => {
      reply.event(chunk(` w${i}`, null, more(count)))
    })
    reply.event(chunk({}, 'stop', more(last)))
    if (typeof total === 'number') reply.event(usageChunk(11, total))
    reply.event('[DONE]')
    reply.end()
  })
  const { outcomes, tokenEvents, events } = found
  expect(outcomes[0]).toMatchObject({ status: 'ok', tokenEvents: counts.length })
  expect(tokenEvents()).toHaveLength(counts.length)
  return {
    outputTokens: outcomes[0]?.outputTokens,
    source: outcomes[0]?.tokenSource,
    tokens: tokenEvents().map((row) => row.tokens),
    /** On events without text. */
    silent: events()
      .filter((row) => ['role', 'usage'].includes(String(row.kind)))
      .map((row) => row.tokens),
  }
}

const UNKNOWN = Array.from({ length: 8 }, () => null)
const zeros = Array.from({ length: 8 }, () => 0)

describe('a running count is believed while it runs', () => {
  test.each<[string, number[], number[]]>([
    ['one a word', [1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 1, 1, 1, 1, 1]],
    ['two a word (Gemini)', [2, 4, 6, 8, 10, 12, 14, 16], [2, 2, 2, 2, 2, 2, 2, 2]],
    ['as many as a draft had', [1, 4, 5, 9, 12, 13, 14, 18], [1, 3, 1, 4, 3, 1, 1, 4]],
  ])('%s: each event has its tokens', async (_, counts, tokens) => {
    const total = counts.at(-1) as number
    for (const end of [{ last: total }, { total }, { role: 0, last: total, total }])
      expect(await counted(counts, end)).toMatchObject({ outputTokens: total, source: 'usage', tokens })
  })

  test('tokens whose text is held back count with the event that they came in, which is no token event', async () => {
    const { outcomes, events } = await recorded((_, reply) => {
      reply.start()
      reply.event(chunk(' a', null, more(1)))
      reply.event(chunk('', null, more(2)))
      reply.event(chunk('é', null, more(3)))
      reply.event(chunk('', 'stop', more(4)))
      reply.event(usageChunk(11, 4))
      reply.event('[DONE]')
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ outputTokens: 4, tokenEvents: 2 })
    expect(events().map(({ kind, tokens }) => [kind, tokens])).toEqual([
      ['content', 1],
      ['role', 1],
      ['content', 1],
      ['role', 1],
      ['usage', 0],
    ])
  })

  test.each<[string, Count[], Parameters<typeof counted>[1]]>([
    ['zeros until the end (DeepSeek, Kimi behind proxies)', zeros, { role: 0, last: 8 }],
    ['zeros until the usage event', zeros, { total: 8 }],
    ['zeros, and the count on the last word', [0, 0, 0, 0, 0, 0, 0, 8], {}],
    ['null, and the usage event', UNKNOWN, { last: null, total: 8 }],
    ['the last word alone', ['absent', 'absent', 'absent', 'absent', 'absent', 'absent', 'absent', 8], {}],
    [
      'the finish event alone',
      ['absent', 'absent', 'absent', 'absent', 'absent', 'absent', 'absent', 'absent'],
      { last: 8 },
    ],
    ['every fourth word', ['absent', 'absent', 'absent', 4, 'absent', 'absent', 'absent', 8], {}],
    ['every fourth word, held between', [0, 0, 0, 4, 4, 4, 4, 8], {}],
    ['four ahead, held between', [4, 4, 4, 4, 8, 8, 8, 8], {}],
    ['zeros that never end', zeros, {}],
  ])('%s: the count is of the answer, and no event has one', async (_, counts, end) => {
    const found = await counted(counts, end)
    const none = counts.every((count) => count === 0) && end?.last === undefined && end?.total === undefined
    expect(found).toMatchObject({ outputTokens: 8, source: none ? 'chunks' : 'usage', tokens: UNKNOWN })
    expect(found.silent.filter((tokens) => tokens !== null && tokens > 0)).toEqual([])
  })

  test('a count of every event alone, as vLLM gave before 2024-10, is none that runs', async () => {
    const found = await counted([1, 1, 1, 1, 1, 1, 1, 1], { total: 8 })
    expect(found).toMatchObject({ outputTokens: 8, tokens: [1, null, null, null, null, null, null, null] })
  })

  test('it is believed again once it runs again', async () => {
    const found = await counted([1, 2, 2, 4, 5, 6, 7, 8], { total: 8 })
    expect(found.tokens).toEqual([1, 1, null, null, 1, 1, 1, 1])
  })

  test('the last count stands, and nothing takes it back', async () => {
    expect(await counted([1, 2, 3, 4, 5, 6, 7, 8], { last: 0 })).toMatchObject({ outputTokens: 8, source: 'usage' })
    expect(await counted([1, 2, 3, 4, 5, 6, 7, 8], { last: null, total: 9 })).toMatchObject({ outputTokens: 9 })
  })

  test('ids say what counts do not', async () => {
    const { outcomes, tokenEvents } = await recorded((_, reply) => {
      reply.start()
      for (let i = 0; i < 8; i++) {
        const choice = { index: 0, delta: { content: `w${i}` }, finish_reason: null, token_ids: [i, i] }
        reply.event({ ...chunk(), choices: [choice], usage: usage(11, 0) })
      }
      reply.event('[DONE]')
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ outputTokens: 16, tokenSource: 'ids' })
    expect(tokenEvents().map(({ tokens }) => tokens)).toEqual([2, 2, 2, 2, 2, 2, 2, 2])
  })

  test('long after the shape of its events was learnt', async () => {
    const count = 200
    const { outcomes, tokenEvents } = await recorded((_, reply) => {
      reply.start()
      // Runs for a hundred words, pauses for fifty, runs again.
      for (let i = 0; i < count; i++) reply.event(chunk(` w${i}`, null, more(i < 100 ? i + 1 : i < 150 ? 100 : i + 1)))
      reply.event(chunk({}, 'stop', more(count)))
      reply.event('[DONE]')
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ outputTokens: count, tokenEvents: count })
    const tokens = tokenEvents().map((row) => row.tokens)
    expect(tokens.slice(0, 100)).toEqual(Array.from({ length: 100 }, () => 1))
    expect(tokens.slice(100, 151)).toEqual(Array.from({ length: 51 }, () => null))
    expect(tokens.slice(151)).toEqual(Array.from({ length: 49 }, () => 1))
  })
})

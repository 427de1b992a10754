import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type Answer, chunk, goodAnswer, type Reply, ROLE, sse, usage, usageChunk } from './case-server.ts'
import { recorded } from './recorded.ts'

const ODD = ['a\u2028b', 'c\u2029d', 'e\u0085f', '\ud83d', '\ude00', 'x\n\ndata: [DONE]\n\n']
/** Lone halves can only be written escaped. */
const odd = (text: string) => JSON.stringify(chunk(text))
const TEXT = ODD.join('')

function oddStream(eol: string): string[] {
  const last = [chunk({}, 'stop'), usageChunk(9, 6), '[DONE]']
  return [sse(chunk(ROLE), eol), ...ODD.map((text) => sse(odd(text), eol)), ...last.map((event) => sse(event, eol))]
}

describe('text that looks like line ends, like SSE, or like half a character', () => {
  test.each<[string, Answer]>([
    [
      'an event a send',
      (_, reply) => {
        reply.start()
        for (const event of oddStream('\n')) reply.write(event)
        reply.end()
      },
    ],
    [
      'CRLF in one send, cut within a character',
      async (_, reply) => {
        reply.start()
        const all = Buffer.from(oddStream('\r\n').join(''))
        const at = all.indexOf('\u2028') + 1
        reply.write(all.subarray(0, at))
        await reply.ms(50)
        reply.write(all.subarray(at))
        reply.end()
      },
    ],
    [
      'CR',
      (_, reply) => {
        reply.start()
        reply.write(oddStream('\r').join(''))
        reply.end()
      },
    ],
  ])('%s', async (_, answer) => {
    const { outcomes, texts, tokenEvents } = await recorded(answer)
    expect(outcomes[0]).toMatchObject({ status: 'ok', outputTokens: 6, tokenSource: 'usage', text: TEXT })
    expect(tokenEvents()).toHaveLength(6)
    expect(texts[0]?.output).toBe(TEXT)
    expect(TEXT).toContain('😀')
    expect(TEXT).toHaveLength(28)
  })
})

describe('framing as servers and gateways have it', () => {
  const stream = (events: readonly unknown[]) => events.map((event) => sse(event)).join('')
  const GOOD = stream([chunk(ROLE), chunk('a'), chunk('b'), chunk({}, 'stop'), usageChunk(9, 2), '[DONE]'])
  const whole =
    (text: string | Buffer, options: Parameters<Reply['start']>[0] = {}): Answer =>
    (_, reply) => {
      reply.start(options)
      reply.write(text)
      reply.end()
    }
  test.each<[string, Answer]>([
    ['HTTP/1.0, up to the close', whole(GOOD, { version: '1.0', framing: 'close' })],
    ['a content-type of JSON', whole(GOOD, { type: 'application/json' })],
    ['a content-type of text with a charset', whole(GOOD, { type: 'text/plain; charset=utf-8' })],
    ['an event stream with a charset', whole(GOOD, { type: 'Text/Event-Stream; Charset=UTF-8' })],
    ['gzip in one piece', whole(gzipSync(GOOD), { headers: ['Content-Encoding: gzip'] })],
    ['a byte order mark', whole(`\uFEFF${GOOD}`)],
    ['comments first', whole(`: hello\n\n:\n\n${GOOD}`)],
    ['retry and id', whole(`retry: 3000\nid: 1\n\n${GOOD.replaceAll('data:', 'id: 7\nretry: 5\ndata:')}`)],
    ['event: message on each', whole(GOOD.replaceAll('data:', 'event: message\ndata:'))],
    ['no space after the colon', whole(GOOD.replaceAll('data: ', 'data:'))],
    ['a tab after the colon', whole(GOOD.replaceAll('data: ', 'data:\t'))],
    ['several empty lines', whole(GOOD.replaceAll('\n\n', '\n\n\n\n'))],
    [
      'data on several lines with a comment between',
      whole(GOOD.replaceAll('"choices":', '\ndata: "choices":\n: ping\ndata: ')),
    ],
    ['data of nothing between', whole(GOOD.replaceAll('data: {', 'data:\n\ndata\n\ndata: {'))],
    ['NUL bytes between', whole(GOOD.replaceAll('data: {', 'data: \0\n\ndata: {'))],
    ['"[DONE]" as JSON', whole(GOOD.replace('[DONE]', '"[DONE]"'))],
    ['[DONE] without its empty line', whole(GOOD.trimEnd())],
    [
      'trailers',
      (_, reply) => {
        reply.start({ headers: ['Trailer: x-checksum'] })
        reply.write(GOOD)
        reply.end('x-checksum: 1\r\n')
      },
    ],
    [
      '100 first',
      (_, reply) => {
        reply.raw('HTTP/1.1 100 Continue\r\n\r\n')
        reply.start()
        reply.write(GOOD)
        reply.end()
      },
    ],
  ])('%s', async (_, answer) => {
    const { outcomes, tokenEvents } = await recorded(answer)
    expect(outcomes[0]).toMatchObject({ status: 'ok', text: 'ab', outputTokens: 2, finishReason: 'stop', note: null })
    expect(tokenEvents()).toHaveLength(2)
  })

  test('usage in the finish event whose empty line never comes', async () => {
    const text = stream([chunk('a'), chunk({}, 'stop', { usage: usage(9, 1) })]).trimEnd()
    const { outcomes } = await recorded(whole(text))
    expect(outcomes[0]).toMatchObject({ status: 'ok', finishReason: 'stop', outputTokens: 1 })
  })

  test('half an event at the end is none', async () => {
    const { outcomes } = await recorded(whole(stream([chunk('a')]) + sse(chunk({}, 'stop')).slice(0, 60)))
    expect(outcomes[0]).toMatchObject({ status: 'truncated', finishReason: null })
  })
})

describe('what gateways add', () => {
  test('comments before the answer, text in the finish event, usage beside an empty choice (OpenRouter)', async () => {
    const { outcomes, events, tokenEvents } = await recorded(async (_, reply) => {
      reply.start()
      for (let i = 0; i < 5; i++) {
        reply.write(': OPENROUTER PROCESSING\n\n')
        await reply.ms(20)
      }
      reply.event(chunk(ROLE))
      for (let i = 0; i < 4; i++) reply.event(chunk(` w${i}`))
      reply.event(chunk(' w4', 'stop'))
      reply.event(chunk({ content: '' }, null, { usage: usage(11, 5) }))
      reply.event('[DONE]')
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ status: 'ok', outputTokens: 5, text: ' w0 w1 w2 w3 w4', note: null })
    expect(outcomes[0]!.firstTokenNs - outcomes[0]!.sentNs).toBeGreaterThan(90e6)
    expect(events()).toHaveLength(7)
    expect(tokenEvents()).toHaveLength(5)
  })

  test('a comment made data of is passed over, and reported', async () => {
    const { outcomes } = await recorded(
      async (asked, reply) => {
        if (asked.n === 1) return goodAnswer(reply)
        reply.start()
        reply.event(': OPENROUTER PROCESSING')
        for (let i = 0; i < 5; i++) reply.event(chunk(` w${i}`))
        reply.event(chunk({}, 'stop'))
        reply.event('[DONE]')
        reply.end()
      },
      { count: 2 },
    )
    expect(outcomes[0]).toMatchObject({
      status: 'ok',
      tokenEvents: 5,
      unreadEvents: 1,
      note: expect.stringContaining('OPENROUTER'),
    })
    expect(outcomes[1]).toMatchObject({ status: 'ok', unreadEvents: 0 })
  })

  test('events of other names are passed over, and reported where they are no pings', async () => {
    const { outcomes } = await recorded((_, reply) => {
      reply.start()
      reply.write('event: metadata\ndata: {"region":"x"}\n\n')
      reply.write('event: trace\ndata: not JSON\n\n')
      reply.event(chunk('a'))
      reply.event(chunk({}, 'stop'))
      reply.event('[DONE]')
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ status: 'ok', tokenEvents: 1, unreadEvents: 2 })
  })
})

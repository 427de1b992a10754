import { describe, expect, test } from 'vitest'
import { type Answer, chunk, goodAnswer, type Reply, ROLE, sse, usage, usageChunk } from './case-server.ts'
import { recorded } from './recorded.ts'

function words(reply: Reply, count: number, from = 0): void {
  for (let i = from; i < from + count; i++) reply.event(chunk(` w${i}`))
}

/** Some words, and then what the server does next. */
const sayingThen =
  (count: number, next: (reply: Reply) => void): Answer =>
  (_, reply) => {
    reply.start()
    reply.event(chunk(ROLE))
    words(reply, count)
    next(reply)
    reply.end()
  }
const aborted = (reply: Reply, finish_reason: unknown): void => {
  reply.event({ ...chunk(), choices: [{ index: 0, delta: { content: '' }, finish_reason }] })
  reply.event('[DONE]')
}

const ERRORS: [what: string, last: (reply: Reply) => void, words: RegExp][] = [
  [
    'an error object and [DONE] (vLLM)',
    (reply) => {
      reply.event({ error: { message: 'the engine met a fault', type: 'InternalServerError', code: 500 } })
      reply.event('[DONE]')
    },
    /the engine met a fault/,
  ],
  [
    'event: error with JSON of no key `error`, and [DONE]',
    (reply) => {
      reply.write(`event: error\n${sse({ message: 'the worker is gone', code: 500 })}`)
      reply.event('[DONE]')
    },
    /the worker is gone/,
  ],
  ['event: error with a text', (reply) => reply.write(`event: error\n${sse('Internal error')}`), /Internal error/],
  [
    'event: error with CRLF and no space',
    (reply) => reply.write('event:error\r\ndata:Internal error\r\n\r\n'),
    /Internal error/,
  ],
  ['event: error after its data', (reply) => reply.write('data: Internal error\nevent: error\n\n'), /Internal error/],
  [
    'event: error with data on two lines',
    (reply) => reply.write('event: error\ndata: {"message":\ndata: "gone"}\n\n'),
    /gone/,
  ],
  ['event: error without data', (reply) => reply.write('event: error\n\n'), /without words/],
  ['event: error that no empty line ends', (reply) => reply.write('event: error\ndata: {"message":"gone"}\n'), /gone/],
  [
    'a line error: (llama.cpp before 2025-09)',
    (reply) => {
      reply.write(
        'error: {"code":400,"message":"the request exceeds the context size","type":"invalid_request_error"}\n\n',
      )
      reply.event('[DONE]')
    },
    /the request exceeds the context size/,
  ],
  ['finish_reason error (LMDeploy)', (reply) => reply.event(chunk({}, 'error')), /finish_reason "error"/],
  ['finish_reason error and usage', (reply) => reply.event(chunk('', 'error', { usage: usage(3, 3) })), /error/],
  ['finish_reason abort, [DONE] after it (vLLM, SGLang)', (reply) => aborted(reply, 'abort'), /finish_reason "abort"/],
  ['finish_reason cancelled (Dynamo)', (reply) => aborted(reply, 'cancelled'), /finish_reason "cancelled"/],
  [
    "finish_reason as an object (SGLang's own)",
    (reply) => aborted(reply, { type: 'abort', message: 'the input is too long', status_code: 400 }),
    /finish_reason "abort": the input is too long/,
  ],
  [
    'an error and finish_reason error in one event (OpenRouter)',
    (reply) =>
      reply.event({ ...chunk({ content: '' }, 'error'), error: { code: 502, message: 'the provider went away' } }),
    /the provider went away/,
  ],
  [
    'an error in the choice',
    (reply) =>
      reply.event({
        ...chunk(),
        choices: [{ index: 0, delta: {}, finish_reason: 'error', error: { code: 502, message: 'upstream' } }],
      }),
    /upstream/,
  ],
  [
    'a text as error (TGI)',
    (reply) => reply.event({ error: 'Input validation error', error_type: 'validation' }),
    /Input validation error/,
  ],
  ['a list as error', (reply) => reply.event({ error: [{ message: 'quota' }] }), /quota/],
  [
    'a list of one object (Gemini)',
    (reply) => reply.event([{ error: { code: 429, message: 'quota', status: 'RESOURCE_EXHAUSTED' } }]),
    /quota/,
  ],
  ['an error of a code alone', (reply) => reply.event({ error: { code: 'server_shutdown' } }), /server_shutdown/],
  ['an error within an error', (reply) => reply.event({ error: { error: { message: 'deep' } } }), /deep/],
  [
    'object: error (LMDeploy, older vLLM)',
    (reply) => reply.event({ object: 'error', message: 'no such model', code: 404 }),
    /no such model/,
  ],
  ['detail (FastAPI)', (reply) => reply.event({ detail: 'Internal Server Error' }), /Internal Server Error/],
  ['a message with a code', (reply) => reply.event({ message: 'busy', code: 1305 }), /busy/],
  ['error_msg (Baidu)', (reply) => reply.event({ error_code: 336100, error_msg: 'try again' }), /try again/],
  [
    'an error after the answer was complete',
    (reply) => {
      reply.event(chunk({}, 'stop', { usage: usage(3, 5) }))
      reply.event({ error: { message: 'too late' } })
    },
    /too late/,
  ],
]

describe('an error within a stream under HTTP 200 is a failed request, with the words of the server', () => {
  test.each(ERRORS)('%s', async (_, last, said) => {
    const { outcomes, requests } = await recorded(
      (asked, reply) => (asked.n === 0 ? sayingThen(5, last)(asked, reply) : goodAnswer(reply)),
      { count: 2 },
    )
    expect(outcomes[0]).toMatchObject({
      status: 'http_error',
      httpStatus: 200,
      finishReason: expect.toSatisfy((reason) => reason !== 'error'),
    })
    expect(requests[0]).toMatchObject({ status: 'http_error', http_status: 200 })
    expect(outcomes[0]?.error).toMatch(said)
    expect(outcomes[1]).toMatchObject({ status: 'ok', outputTokens: 8, error: null, note: null })
  })

  test.each(ERRORS.slice(0, 2))('%s: as the first event', async (_, last) => {
    const { outcomes } = await recorded(sayingThen(0, last))
    expect(outcomes[0]).toMatchObject({ status: 'http_error', httpStatus: 200, tokenEvents: 0 })
  })

  test('what servers send beside good answers is no error', async () => {
    const more = [
      { error: null },
      { error: '' },
      { error: {} },
      { error: false },
      { code: 200, message: 'success' },
      { detail: 'x' },
      { status: 'ok' },
    ]
    const { outcomes } = await recorded((_, reply) => {
      reply.start()
      more.forEach((fields, i) => {
        reply.event(chunk(` w${i}`, null, fields))
      })
      reply.event(chunk({}, 'stop'))
      reply.event(usageChunk(11, more.length))
      reply.event('[DONE]')
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ status: 'ok', tokenEvents: more.length, error: null })
  })
})

describe('the body of an error under another status, or in place of a stream', () => {
  test.each<[string, (reply: Reply) => void, number, RegExp]>([
    [
      'a page',
      (reply) => reply.text('<html><h1>502 Bad Gateway</h1></html>', 502, 'text/html'),
      502,
      /502 Bad Gateway/,
    ],
    ['detail', (reply) => reply.json({ detail: 'Not Found' }, 404), 404, /Not Found/],
    [
      'a list of details',
      (reply) => reply.json({ detail: [{ loc: ['body', 'n'], msg: 'too large' }] }, 422),
      422,
      /body\.n: too large/,
    ],
    ['message and code', (reply) => reply.json({ message: 'no route', code: 'x' }, 500), 500, /no route/],
    ['a list', (reply) => reply.json([{ error: { message: 'key' } }], 400), 400, /key/],
    ['JSON with 200', (reply) => reply.json({ error: { message: 'asleep' } }), 200, /asleep/],
    ['a list with 200', (reply) => reply.json([{ error: { message: 'quota' } }]), 200, /quota/],
    [
      'JSON after white space',
      (reply) => reply.text('\n\n  {"error":{"message":"asleep"}}', 200, 'application/json'),
      200,
      /asleep/,
    ],
  ])('%s', async (_, answer, status, words) => {
    const { outcomes } = await recorded((_, reply) => answer(reply))
    expect(outcomes[0]).toMatchObject({ status: 'http_error', httpStatus: status })
    expect(outcomes[0]?.error).toMatch(words)
  })

  test.each(['error', 'abort'])('without streaming, finish_reason %s under 200 fails too', async (reason) => {
    const whole = { choices: [{ index: 0, message: { role: 'assistant', content: 'half' }, finish_reason: reason }] }
    const { outcomes } = await recorded((_, reply) => reply.json(whole), { plan: { stream: false } })
    expect(outcomes[0]).toMatchObject({ status: 'http_error', httpStatus: 200 })
  })
})

import { once } from 'node:events'
import { connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PartialBehaviour } from './behaviour.ts'
import { exchange, payloads, rawPost, rawStream, saidText } from './raw-client.ts'
import { type RunningPacedServer, startPacedServer } from './start.ts'
import { word } from './words.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer()
})
afterAll(() => server.stop())

const stream = (tokens: number, paced: PartialBehaviour, more?: Record<string, unknown>) =>
  rawStream(server.port, tokens, paced, more)
const chat = (tokens: number, paced: PartialBehaviour, more: Record<string, unknown> = {}) =>
  rawPost(
    server.port,
    { model: 'paced', messages: [{ role: 'user', content: 'a b' }], max_tokens: tokens, stream: true, paced, ...more },
    { path: '/v1/chat/completions' },
  )
const parsed = (body: Buffer) =>
  payloads(body).flatMap((payload) => (payload === '[DONE]' ? [] : [JSON.parse(payload)]))
const words = (count: number, text: 'ascii' | 'utf8' = 'ascii') =>
  Array.from({ length: count }, (_, i) => word(i, text)).join('')

test('chat: role, thinking, content and a tool call, each in its own delta', async () => {
  const { body } = await chat(6, { reasoning_tokens: 2, tool_tokens: 2, empty_events: 1 })
  const deltas = parsed(body).map((chunk) => chunk.choices[0].delta)
  expect(deltas).toEqual([
    { content: '' },
    { role: 'assistant', content: '' },
    { reasoning_content: ' a0' },
    { reasoning_content: ' b1' },
    { content: ' c2' },
    { content: ' d3' },
    { tool_calls: [{ id: 'call-0', type: 'function', index: 0, function: { name: 'look', arguments: ' e4' } }] },
    { tool_calls: [{ index: 0, function: { arguments: ' f5' } }] },
  ])
  expect(parsed(body).at(-1).choices[0].finish_reason).toBe('tool_calls')
})

test('the other name of reasoning, no role, a finish event of its own with a reason as asked', async () => {
  const { body } = await chat(1, {
    reasoning_tokens: 1,
    reasoning_field: 'reasoning',
    role: 'none',
    finish: 'own_event',
    finish_reason: 'abort',
  })
  expect(parsed(body).map((chunk) => [chunk.choices[0].delta, chunk.choices[0].finish_reason])).toEqual([
    [{ reasoning: ' a0' }, null],
    [{}, 'abort'],
  ])
})

test('several tokens an event, their ids, and continuous usage', async () => {
  const { body } = await stream(
    5,
    { tokens_per_event: 2, cached_tokens: 1 },
    { return_token_ids: true, stream_options: { include_usage: true, continuous_usage_stats: true } },
  )
  const chunks = parsed(body)
  expect(chunks.slice(0, 3).map((chunk) => chunk.choices[0].token_ids)).toEqual([[100, 101], [102, 103], [104]])
  expect(chunks.map((chunk) => chunk.usage.completion_tokens)).toEqual([2, 4, 5, 5])
  expect(chunks[3]).toMatchObject({ choices: [], usage: { prompt_tokens_details: { cached_tokens: 1 } } })
})

test('usage is silent unless asked for, [DONE] can be missing, tokens can be fewer than the limit', async () => {
  const { body } = await stream(5, { done: false, tokens: 2 })
  expect(payloads(body)).toHaveLength(2)
  expect(parsed(body)[1]).toMatchObject({ choices: [{ finish_reason: 'stop' }] })
  expect(parsed(body)[1].usage).toBeUndefined()
})

test.each([
  ['lf', '\n'],
  ['crlf', '\r\n'],
  ['cr', '\r'],
] as const)('line ends: %s', async (eol, end) => {
  const { body } = await stream(2, { eol, comments: true, fields: true })
  const events = body.toString().split(end + end)
  expect(events).toHaveLength(4)
  const lines = events[1]!.split(end)
  expect(lines.slice(0, 4)).toEqual([': comment 1', 'event: message', 'id: 1', 'retry: 1000'])
  expect(lines[4]).toMatch(/^data: \{.*\}$/)
  expect(lines).toHaveLength(5)
})

test('data over several lines, no space after the colon, a byte order mark', async () => {
  const { body } = await stream(1, { multiline: true, tight: true, bom: true })
  const text = body.toString('utf8')
  expect(text.charCodeAt(0)).toBe(0xfeff)
  const lines = text.slice(1).split('\n\n')[0]!.split('\n')
  expect(lines.length).toBeGreaterThan(5)
  expect(lines.every((line) => line.startsWith('data:'))).toBe(true)
  expect(JSON.parse(lines.map((line) => line.slice(5)).join('\n')).choices[0].text).toBe(' a0')
})

test('pings while nothing else is written', async () => {
  const { body } = await stream(2, { ttft_ms: 50, itl_ms: 25, ping_ms: 20 })
  const events = body.toString().split('\n\n').slice(0, -1)
  expect(events.map((event) => event.slice(0, 6))).toEqual([': ping', ': ping', 'data: ', ': ping', 'data: ', 'data: '])
})

test.each([1, 2, 3, 7])('split into writes of %i bytes, also within UTF-8: the same bytes', async (split) => {
  const whole = await stream(6, { text: 'utf8' })
  const pieces = await stream(6, { text: 'utf8', split })
  const plain = (text: string) => text.replaceAll(/cmpl-\d+-\d+/g, 'id')
  expect(plain(pieces.body.toString())).toBe(plain(whole.body.toString()))
  expect(saidText(pieces.body)).toBe(words(6, 'utf8'))
})

test('several events in one write', async () => {
  const { body, reads } = await stream(6, { events_per_write: 3, itl_ms: 40 })
  expect(saidText(body)).toBe(words(6))
  // Two groups and the rest, which come 120 ms apart and at the end: no read but the head's can be in between.
  expect(reads.length).toBeLessThanOrEqual(5)
})

test('HTTP chunks that end anywhere, with extensions, and a trailer', async () => {
  const { bytes, body, head } = await stream(3, { chunk_bytes: 10, chunk_extension: true, trailers: true })
  expect(head).toMatch(/trailer: x-trailer/)
  expect(bytes.toString()).toContain('\r\n\r\na;part=1\r\ndata: {"id\r\n')
  expect(bytes.toString().endsWith('0\r\nx-trailer: the end\r\n\r\n')).toBe(true)
  expect(saidText(body)).toBe(words(3))
})

test('without chunks: up to the close, or with a length', async () => {
  const close = await stream(3, { framing: 'close' })
  expect(close).toMatchObject({ end: 'closed' })
  expect(close.head).not.toMatch(/content-length|transfer-encoding/)
  expect(saidText(close.body)).toBe(words(3))
  const length = await stream(3, { framing: 'content_length', itl_ms: 5 })
  expect(length.head).toContain(`content-length: ${length.body.length}`)
  expect(length.bytes.length).toBe(length.head.length + 4 + length.body.length)
  expect(saidText(length.body)).toBe(words(3))
})

test.each(['chunked', 'close', 'content_length'] as const)('gzip, %s', async (framing) => {
  const { head, body } = await stream(5, { gzip: true, framing })
  expect(head).toContain('content-encoding: gzip')
  expect(saidText(gunzipSync(body))).toBe(words(5))
})

test('an event of a megabyte', async () => {
  const { body } = await stream(2, { huge_event_bytes: 1_000_000 })
  expect(parsed(body)[0].choices[0].text).toHaveLength(1_000_003)
})

test.each([
  ['rst', 'reset'],
  ['fin', 'closed'],
] as const)('%s in the middle', async (fault, end) => {
  const answer = await stream(5, { fault, fault_after: 2, fault_ms: 200 })
  expect(answer.end).toBe(end)
  expect(saidText(answer.body)).toBe(words(2))
})

test.each([
  ['rst_head', 'reset'],
  ['fin_head', 'closed'],
  ['stall_head', 'waited'],
] as const)('%s: nothing at all', async (fault, end) => {
  const request = { model: 'paced', prompt: 'x', stream: true, paced: { fault } }
  const answer = await rawPost(server.port, request, { ms: 100 })
  expect(answer).toMatchObject({ end, reads: [] })
})

test('a stall for good, and one that ends', async () => {
  const request = { model: 'paced', prompt: 'x', max_tokens: 4, stream: true }
  const paced = { fault: 'stall', fault_after: 2 }
  const forever = await rawPost(server.port, { ...request, paced }, { ms: 150 })
  expect(forever.end).toBe('waited')
  expect(saidText(forever.body)).toBe(words(2))
  await server.clearTruth()
  const passing = await rawPost(
    server.port,
    { ...request, paced: { ...paced, stall_ms: 60 } },
    { headers: ['x-request-id: s'] },
  )
  expect(saidText(passing.body)).toBe(words(4))
  const { stamps, received_ns } = (await server.truth()).requests.s!
  expect(stamps[2]! - received_ns).toBeGreaterThanOrEqual(60e6)
})

test('an error object in the stream ends it', async () => {
  const { body } = await stream(5, { fault: 'error_event', fault_after: 1, message: 'no memory' })
  expect(parsed(body)[1]).toEqual({
    error: { message: 'no memory', type: 'InternalServerError', param: null, code: 500 },
  })
  expect(payloads(body)).toHaveLength(3)
})

test('broken JSON, a broken chunk size', async () => {
  const json = await stream(2, { fault: 'bad_json' })
  expect(() => JSON.parse(payloads(json.body)[1]!)).toThrow(SyntaxError)
  const request = { model: 'paced', prompt: 'x', max_tokens: 2, stream: true, paced: { fault: 'bad_chunk' } }
  const chunk = await rawPost(server.port, request, { ms: 100 })
  expect(chunk.bytes.toString()).toContain('\r\nzz\r\n')
})

test('refusals have OpenAI bodies', async () => {
  const busy = await stream(1, { status: 429, retry_after: '7' })
  expect(busy.head).toMatch(/^HTTP\/1.1 429 Too Many Requests\r\n[\s\S]*retry-after: 7/)
  expect(JSON.parse(busy.body.toString()).error).toMatchObject({ type: 'RateLimitError', code: 429 })
  for (const status of [400, 401, 500, 503]) {
    expect((await stream(1, { status })).head).toContain(`HTTP/1.1 ${status} `)
  }
  const unknown = await stream(1, {}, { model: 'other' })
  expect(unknown.head).toContain('404 Not Found')
  expect(JSON.parse(unknown.body.toString()).error.message).toBe('The model `other` does not exist.')
  const long = await stream(200_000, {})
  expect(JSON.parse(long.body.toString()).error.message).toContain('maximum context length is 131072 tokens')
  expect((await stream(1, { itl: 5 } as PartialBehaviour)).head).toContain('400 Bad Request')
})

test('a page of HTML, an empty answer, a redirect', async () => {
  const html = await stream(1, { page: 'html' })
  expect(html.head).toMatch(/^HTTP\/1.1 200 OK[\s\S]*text\/html/)
  expect(html.body.toString()).toContain('<html>')
  expect((await stream(1, { page: 'empty' })).body).toHaveLength(0)
  expect((await stream(1, { redirect: 'http://elsewhere.test/v1' })).head).toMatch(
    /^HTTP\/1.1 307 [\s\S]*location: http:\/\/elsewhere.test\/v1/,
  )
})

test('heads: flooded, slow, with informational answers before', async () => {
  expect((await stream(1, { header_flood_bytes: 100_000 })).head.length).toBeGreaterThan(100_000)
  const slow = await stream(1, { slow_headers_ms: 5 })
  expect(Number(slow.reads.at(-1)!.atNs - slow.sentNs)).toBeGreaterThan(4 * slow.head.split('\r\n').length * 1e6)
  expect(saidText(slow.body)).toBe(words(1))
  const early = await stream(1, { informational: true })
  expect(early.bytes.toString()).toMatch(
    /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 103 Early Hints[\s\S]*HTTP\/1.1 200 OK/,
  )
  expect(saidText(early.body)).toBe(words(1))
})

test('keep-alive, also under closes that are said or silent', async () => {
  const socket = connect(server.port, '127.0.0.1')
  const request = { model: 'paced', prompt: 'x', max_tokens: 1, stream: true }
  const first = await exchange(socket, request, {})
  const second = await exchange(socket, { ...request, paced: { close: 'silent' } }, {})
  expect([first.end, second.end]).toEqual(['complete', 'complete'])
  expect(second.head).not.toMatch(/connection: close/)
  await once(socket, 'close')
  const [a, b] = (await server.requests()).slice(-2)
  expect([a!.nth, b!.nth]).toEqual([0, 1])
  expect(a!.connection).toBe(b!.connection)
  expect((await stream(1, { close: 'said' })).head).toMatch(/connection: close/)
})

test('100-continue, and a chunked body', async () => {
  const socket = connect(server.port, '127.0.0.1')
  socket.write('POST /tokenize HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n')
  expect(String((await once(socket, 'data'))[0])).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  socket.write('8\r\n{"prompt\r\n9\r\n":"a bb"}\r\n0\r\n\r\n')
  let text = ''
  for await (const data of socket) {
    text += String(data)
    if (text.endsWith('}')) break
  }
  expect(text).toContain('\r\n\r\n{"count":2,')
  socket.destroy()
})

test('a body read slowly', async () => {
  const request = { model: 'paced', prompt: 'x '.repeat(100_000), max_tokens: 1, stream: true }
  const before = process.hrtime.bigint()
  const answer = await rawPost(server.port, request, { headers: ['x-paced: {"read_pause_ms":40}'] })
  expect(saidText(answer.body)).toBe(words(1))
  expect(Number(process.hrtime.bigint() - before)).toBeGreaterThan(40e6)
})

test('a key, a base path, another name, defaults for clients that say nothing', async () => {
  const other = await startPacedServer({
    apiKey: 'k',
    basePath: '/some/base',
    models: ['m1', 'm2'],
    paced: { tokens: 3 },
  })
  try {
    const authorization = { authorization: 'Bearer k' }
    expect((await fetch(`${other.url}/v1/models`)).status).toBe(401)
    const page = await fetch(`${other.url}/some/base/v1/models`, { headers: authorization })
    const models = (await page.json()) as { data: unknown }
    expect(models.data).toMatchObject([{ id: 'm1', owned_by: 'vllm', max_model_len: 131072 }, { id: 'm2' }])
    const ask = async () => {
      const body = JSON.stringify({ model: 'm2', prompt: 'x', max_tokens: 9 })
      const response = await fetch(`${other.url}/v1/completions`, { method: 'POST', headers: authorization, body })
      return ((await response.json()) as { usage: { completion_tokens: number } }).usage.completion_tokens
    }
    expect(await ask()).toBe(3)
    await other.setDefaults({ tokens: 4 })
    expect(await ask()).toBe(4)
  } finally {
    await other.stop()
  }
})

test('IPv6', async () => {
  const six = await startPacedServer({ host: '::1' })
  expect(six.url).toBe(`http://[::1]:${six.port}`)
  expect((await fetch(`${six.url}/health`)).status).toBe(200)
  await six.stop()
})

test('a frozen server with a short backlog leaves connects hanging', async () => {
  const frozen = await startPacedServer({ backlog: 1 })
  frozen.freeze()
  const sockets = Array.from({ length: 6 }, () => connect(frozen.port, '127.0.0.1').on('error', () => {}))
  await new Promise((resolve) => setTimeout(resolve, 200))
  const states = sockets.map((socket) => socket.readyState)
  for (const socket of sockets) socket.destroy()
  await frozen.stop()
  expect(states).toContain('opening')
})

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRunClock } from '../src/base/time.ts'
import {
  type ClientOptions,
  RequestClient,
  type RequestHooks,
  type RequestOutcome,
  type RequestPlan,
} from '../src/sources/requests/client.ts'
import { traceIdReader } from '../src/sources/requests/header-run-id.ts'
import { probeServer } from '../src/sources/requests/probe.ts'
import { resolveTarget, type TargetOptions } from '../src/sources/requests/target.ts'
import { chunks, offers, requests, texts } from '../src/trace/tables.ts'
import type { PartialBehaviour } from './paced-server/behaviour.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { word } from './paced-server/words.ts'
import { memoryRows } from './support/memory-rows.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer()
})
afterAll(() => server.stop())

const words = (from: number, to: number, text: 'ascii' | 'utf8' = 'ascii') =>
  Array.from({ length: to - from }, (_, i) => word(from + i, text)).join('')
const KIND_OF: Record<string, string> = { r: 'role', e: 'role', c: 'content', t: 'reasoning', f: 'tool', u: 'usage' }

let runs = 0
const clock = createRunClock()

/** A client with its rows in memory; ids are unique to the server's books. */
async function open(target: Partial<TargetOptions> = {}, options: Partial<ClientOptions> = {}, known = true) {
  const sinks = {
    requests: memoryRows(requests),
    chunks: memoryRows(chunks),
    offers: memoryRows(offers),
    texts: memoryRows(texts),
  }
  const resolved = resolveTarget({ url: server.url, ...target })
  const runId = `run${runs++}`
  const client = new RequestClient(
    resolved,
    known ? await probeServer(resolved) : null,
    {
      requests: sinks.requests.writer,
      chunks: sinks.chunks.writer,
      offers: sinks.offers.writer,
      texts: sinks.texts.writer,
    },
    clock,
    { runId, shard: 0, keepTexts: true, keepTokenIds: false, ...options },
  )
  let id = 0
  const send = (
    paced: PartialBehaviour,
    plan: Partial<RequestPlan> = {},
    hooks?: RequestHooks,
  ): Promise<RequestOutcome> =>
    client.send(
      {
        requestId: id++,
        promptId: 'p',
        scheduledNs: clock.now(),
        prompt: 'what is it',
        maxTokens: 12,
        model: 'paced',
        sampling: { paced },
        phase: 'measured',
        repeat: 0,
        attrs: null,
        stream: true,
        ...plan,
      },
      hooks,
    )
  const truth = async (requestId = 0) => (await server.truth()).requests[`${runId}-${requestId}`]!
  return { client, send, sinks, truth, runId }
}

type Case = [name: string, paced: PartialBehaviour, expected?: Partial<RequestOutcome>]

const FINE: Case[] = [
  ['plain', {}],
  ['a role-only chunk at once, and empty events', { role: 'at_once', empty_events: 3 }],
  ['no role', { role: 'none' }],
  ['one token only', { tokens: 1 }],
  ['four tokens an event', { tokens_per_event: 4 }],
  ['many events a write', { events_per_write: 5 }],
  ['reasoning', { reasoning_tokens: 4 }, { reasoningTokens: 4 }],
  ['reasoning under its other name', { reasoning_tokens: 4, reasoning_field: 'reasoning' }, { reasoningTokens: 4 }],
  ['a tool call', { tool_tokens: 5 }, { finishReason: 'tool_calls' }],
  ['all three', { reasoning_tokens: 3, tool_tokens: 3 }],
  ['a cached prefix', { prompt_tokens: 50, cached_tokens: 48 }, { cachedTokens: 48, inputTokens: 50 }],
  ['an own finish event', { finish: 'own_event', finish_reason: 'content_filter' }, { finishReason: 'content_filter' }],
  ['without [DONE]', { done: false }],
  ['[DONE] but no finish_reason', { finish: 'never' }, { finishReason: null }],
  ['usage as the last thing only', { usage: 'last' }],
  ['ids unasked', { token_ids: 'always' }],
  ['CRLF', { eol: 'crlf' }],
  ['CR', { eol: 'cr' }],
  ['multi-line data', { multiline: true }],
  ['multi-line data with CRLF', { multiline: true, eol: 'crlf' }],
  ['no space after the colon', { tight: true }],
  ['a byte order mark', { bom: true }],
  ['comments', { comments: true }],
  ['event, id and retry fields', { fields: true }],
  ['pings', { ttft_ms: 30, itl_ms: 10, ping_ms: 7 }],
  ['up to the close', { framing: 'close' }],
  ['with a length', { framing: 'content_length' }],
  ['HTTP chunks that end anywhere', { chunk_bytes: 7, chunk_extension: true }],
  ['trailers', { trailers: true }],
  ['gzip', { gzip: true }],
  ['gzip up to the close, in small chunks', { gzip: true, framing: 'close', itl_ms: 2 }],
  ['100 and 103 before the head', { informational: true }],
  ['a slow head', { slow_headers_ms: 5, headers_ms: 10 }],
  ['40 kB of headers', { header_flood_bytes: 40_000 }],
  ['connection: close', { close: 'said' }],
  ['an event of 300 kB', { huge_event_bytes: 300_000 }],
  ['split into single bytes', { split: 1, text: 'utf8' }],
  ['split into seven bytes, CRLF', { split: 7, eol: 'crlf', text: 'utf8' }],
  ['unpaced', { unpaced: true, tokens: 500 }],
]

describe.each(['chat', 'completions'] as const)('%s: what the server says it sent is what was seen', (endpoint) => {
  test.each(FINE)('%s', async (_name, paced, expected) => {
    const { client, send, sinks, truth } = await open({ endpoint })
    // Three, of which the later ones may find a connection and shapes learnt.
    const outcomes = [await send(paced), ...(await Promise.all([send(paced), send(paced)]))]
    await client.close()
    for (const outcome of outcomes) {
      const told = await truth(outcome.requestId)
      const chatOnly = endpoint === 'chat' || !(paced.reasoning_tokens || paced.tool_tokens)
      expect(outcome).toMatchObject({ status: 'ok', error: null, httpStatus: 200, ...(chatOnly ? expected : {}) })
      expect(outcome.outputTokens).toBe(told.tokens)
      expect(outcome.inputTokens).toBe(told.prompt_tokens)
      expect(outcome.tokenSource).toBe('usage')
      const rows = sinks.chunks.rows().filter((row) => row.request_id === outcome.requestId)
      expect(rows.map((row) => row.index)).toEqual(rows.map((_, i) => i))
      if (told.kinds !== '') expect(rows.map((row) => row.kind)).toEqual([...told.kinds].map((kind) => KIND_OF[kind]))
      if (paced.usage !== 'last') expect(rows.reduce((sum, row) => sum + (row.tokens ?? 0), 0)).toBe(told.tokens)
      const carrying = rows.filter((row) => ['content', 'reasoning', 'tool'].includes(String(row.kind)))
      expect(outcome.firstTokenNs).toBe(carrying[0]?.t_ns)
      expect(outcome.lastTokenNs).toBe(carrying.at(-1)?.t_ns)
      expect(outcome.tokenEvents).toBe(carrying.length)
      const thought = endpoint === 'chat' ? (paced.reasoning_tokens ?? 0) : 0
      const called = endpoint === 'chat' ? (paced.tool_tokens ?? 0) : 0
      const content = 'x'.repeat(paced.huge_event_bytes ?? 0) + words(thought, told.tokens - called, paced.text)
      expect(outcome.text).toBe(content)
    }
  })
})

test('nothing is seen before the server wrote it, and requests are stamped in order', async () => {
  const { client, send, sinks, truth } = await open()
  const outcome = await send({ ttft_ms: 20, itl_ms: 5 })
  await client.close()
  const told = await truth()
  const baseNs = Number(BigInt((await server.truth()).base_ns) - clock.monotonicBaseNs)
  const rows = sinks.chunks.rows()
  rows.forEach((row, i) => {
    // The two processes read one clock, but find its zero with some error.
    expect(row.t_ns).toBeGreaterThan(told.stamps[i]! + baseNs - 1e6)
    expect(row.late_ns).toBeGreaterThanOrEqual(0)
  })
  const row = sinks.requests.rows()[0]!
  const times = [row.scheduled_ns, row.connect_start_ns, row.connected_ns, row.sent_ns, row.headers_ns]
  times.push(row.first_token_ns, row.last_token_ns, row.end_ns)
  expect(times).toEqual([...times].sort((a, b) => a! - b!))
  expect(row.max_gap_ns).toBe(Math.max(...rows.slice(2, 13).map((each, i) => each.t_ns - rows[i + 1]!.t_ns)))
  expect(outcome.events).toBe(rows.length)
})

test('without a running count tokens per event are not known; without usage events are counted', async () => {
  const { client, send, sinks } = await open({}, {}, false)
  const last = await send({ tokens_per_event: 3 })
  const never = await send({ tokens_per_event: 3, usage: 'never' })
  const ids = await send({ tokens_per_event: 3, usage: 'never', token_ids: 'always' })
  await client.close()
  expect([last.outputTokens, last.tokenSource]).toEqual([12, 'usage'])
  expect([never.outputTokens, never.tokenSource, never.inputTokens]).toEqual([4, 'chunks', null])
  expect([ids.outputTokens, ids.tokenSource]).toEqual([12, 'ids'])
  const tokens = (id: number) =>
    sinks.chunks
      .rows()
      .filter((row) => row.request_id === id && String(row.kind) === 'content')
      .map((row) => row.tokens)
  expect(tokens(0)).toEqual([null, null, null, null])
  expect(tokens(2)).toEqual([3, 3, 3, 3])
})

test('not streamed: usage and text, no times of tokens', async () => {
  for (const endpoint of ['chat', 'completions'] as const) {
    const { client, send, sinks } = await open({ endpoint })
    const outcome = await send({ ttft_ms: 5 }, { stream: false })
    await client.close()
    expect(outcome).toMatchObject({ status: 'ok', outputTokens: 12, tokenSource: 'usage', text: words(0, 12) })
    const row = sinks.requests.rows()[0]!
    expect([row.first_token_ns, row.last_token_ns, row.max_gap_ns]).toEqual([null, null, null])
    expect(row.end_ns).toBeGreaterThan(row.sent_ns!)
    expect(sinks.chunks.rows()).toEqual([])
  }
})

test('token ids are asked for, kept with the texts, and sent as a prompt to completions', async () => {
  const { client, send, sinks, runId } = await open({ endpoint: 'chat' }, { keepTokenIds: true })
  const outcome = await send({}, { prompt: [5, 6, 7] })
  await client.close()
  expect(outcome).toMatchObject({ status: 'ok', outputTokens: 12 })
  const [row] = sinks.texts.rows()
  expect(row).toMatchObject({ prompt: '[5,6,7]', output: words(0, 12) })
  expect(JSON.parse(row!.token_ids!)).toEqual(Array.from({ length: 12 }, (_, i) => 100 + i))
  expect(sinks.requests.rows()[0]).toMatchObject({ endpoint: '/v1/completions', server_request_id: expect.any(String) })
  const kept = (await server.requests()).at(-1)!
  expect(kept.path).toBe('/v1/completions')
  expect(kept.headers.map((header) => header.toLowerCase())).toContain(`x-request-id: ${runId}-0`)
  expect(JSON.parse(kept.body)).toMatchObject({ prompt: [5, 6, 7], return_token_ids: true, stream: true })
})

test('a traceparent goes along where it is asked for, one of its own for each request', async () => {
  const { client, send, runId } = await open({ endpoint: 'chat', traceparent: true })
  await send({})
  await client.close()
  const { headers } = (await server.requests()).at(-1)!
  const given = headers.find((header) => header.toLowerCase().startsWith('traceparent:')) ?? ''
  const [, traceId = '', spanId] = /^traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-01$/i.exec(given) ?? []
  expect(traceIdReader(runId)(traceId)).toBe(0)
  expect(traceIdReader('another')(traceId)).toBeNull()
  expect(spanId).not.toMatch(/^0*$/)
  const plain = await open({ endpoint: 'chat', traceparent: true, headers: { Traceparent: 'mine' } })
  await plain.send({})
  await plain.client.close()
  const kept = (await server.requests()).at(-1)!.headers.filter((header) => /^traceparent:/i.test(header))
  expect(kept).toEqual(['traceparent: mine'])
})

test('texts and ids stay out unless asked for', async () => {
  const { client, send, sinks } = await open({}, { keepTexts: false })
  const outcome = await send({})
  await client.close()
  expect(outcome.text).toBeNull()
  expect(sinks.texts.rows()).toEqual([])
})

const SHORT = { firstTokenMs: 150, idleMs: 150, connectMs: 5_000, totalMs: 0 }
const BROKEN: [string, PartialBehaviour, Partial<RequestOutcome>, RegExp][] = [
  ['reset in the stream', { fault: 'rst', fault_after: 3, itl_ms: 5 }, { status: 'reset' }, /reset .*after \d+ events/],
  ['cut in the stream', { fault: 'fin', fault_after: 3 }, { status: 'truncated' }, /closed .* after 4 events/],
  [
    'cut, up to the close',
    { fault: 'fin', fault_after: 3, framing: 'close' },
    { status: 'truncated' },
    /ended after 4 events/,
  ],
  [
    'cut, with a length',
    { fault: 'fin', fault_after: 3, framing: 'content_length' },
    { status: 'truncated' },
    /closed/,
  ],
  ['neither [DONE] nor finish_reason', { done: false, finish: 'never' }, { status: 'truncated' }, /finish_reason/],
  ['a stall', { fault: 'stall', fault_after: 2 }, { status: 'timeout', tokenEvents: 2 }, /idle timeout/],
  ['a stall before the first token', { fault: 'stall', fault_after: 0 }, { status: 'timeout' }, /first-token timeout/],
  ['a stall before the head', { fault: 'stall_head' }, { status: 'timeout', httpStatus: null }, /first-token timeout/],
  ['reset before the head', { fault: 'rst_head' }, { status: 'reset', httpStatus: null }, /before it answered/],
  ['closed before the head', { fault: 'fin_head' }, { status: 'truncated', httpStatus: null }, /before it answered/],
  [
    'an error in the stream',
    { fault: 'error_event', fault_after: 2, message: 'out of blocks' },
    { status: 'http_error', httpStatus: 200, outputTokens: 2 },
    /out of blocks/,
  ],
  ['broken JSON', { fault: 'bad_json', fault_after: 2 }, { status: 'malformed' }, /event 3 .*JSON object/],
  ['broken chunks', { fault: 'bad_chunk', fault_after: 2 }, { status: 'malformed' }, /chunk size in hexadecimal.*zz/],
  ['too many headers', { header_flood_bytes: 100_000 }, { status: 'malformed' }, /headers longer/],
  ['429', { status: 429, message: 'slow down' }, { status: 'http_error', httpStatus: 429 }, /429 .*: slow down/],
  ['500 as a page', { status: 500, page: 'html' }, { status: 'http_error', httpStatus: 500 }, /500 .*doctype/],
  [
    '503, empty',
    { status: 503, page: 'empty' },
    { status: 'http_error', httpStatus: 503 },
    /^HTTP 503 Service Unavail/,
  ],
  ['a page with 200', { page: 'html' }, { status: 'malformed', httpStatus: 200 }, /text\/html.*doctype/],
  ['nothing with 200', { page: 'empty' }, { status: 'malformed', httpStatus: 200 }, /empty body/],
  [
    'a redirect',
    { redirect: 'http://elsewhere/v1/chat/completions' },
    { status: 'http_error', httpStatus: 307 },
    /http:\/\/elsewhere\/v1.*--url/,
  ],
]

test.each(BROKEN)('%s', async (_name, paced, expected, sentence) => {
  const { client, send, sinks } = await open({ timeouts: SHORT })
  const outcome = await send(paced)
  // The client continues as usual.
  expect(await send({})).toMatchObject({ status: 'ok', outputTokens: 12 })
  await client.close()
  expect(outcome).toMatchObject(expected)
  expect(outcome.error).toMatch(sentence)
  const rows = sinks.requests.rows().filter((row) => row.request_id === 0)
  expect(rows).toHaveLength(1)
  expect(rows[0]).toMatchObject({ status: outcome.status, error: outcome.error, http_status: outcome.httpStatus })
  expect(rows[0]!.end_ns).toBeGreaterThan(0)
})

test('a total timeout ends a slow answer, and tokens so far are counted exactly', async () => {
  const { client, send } = await open({ timeouts: { totalMs: 200 } })
  const outcome = await send({ itl_ms: 30, tokens: 100 })
  await client.close()
  expect(outcome.status).toBe('timeout')
  expect(outcome.error).toMatch(/total timeout/)
  expect(outcome.tokenSource).toBe('usage')
  expect(outcome.outputTokens).toBe(outcome.tokenEvents)
})

test('a kept-alive connection that the server closed in silence is not used again', async () => {
  const { client, send } = await open()
  for (let i = 0; i < 3; i++) {
    expect(await send({ tokens: 2, close: 'silent' })).toMatchObject({ status: 'ok', connReused: false })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await client.close()
})

test('a kept-alive connection serves the next request', async () => {
  const { client, send } = await open()
  const first = await send({})
  const second = await send({})
  expect([first.connReused, second.connReused]).toEqual([false, true])
  expect(await client.preconnect(3)).toBe(3)
  const outcomes = await Promise.all([send({}), send({}), send({}), send({})])
  expect(outcomes.map((outcome) => outcome.connReused)).toEqual([true, true, true, true])
  await client.close()
  const kept = (await server.requests()).slice(-4).map((request) => request.connection)
  expect(new Set(kept).size).toBe(4)
})

test('past maxSockets requests wait in line, and what still waits at the end was not sent', async () => {
  const { client, send, sinks } = await open({}, { maxSockets: 2 })
  const done = await Promise.all(Array.from({ length: 7 }, () => send({ tokens: 2, ttft_ms: 5 })))
  expect(done.every((outcome) => outcome.status === 'ok')).toBe(true)
  const kept = (await server.requests()).slice(-7).map((request) => request.connection)
  expect(new Set(kept).size).toBe(2)
  const cut = Array.from({ length: 4 }, () => send({ itl_ms: 1000 }))
  expect(client.inFlight).toBe(4)
  await new Promise((resolve) => setTimeout(resolve, 50))
  client.cancelAll('interrupted')
  expect((await Promise.all(cut)).map((outcome) => outcome.status).sort()).toEqual([
    'interrupted',
    'interrupted',
    'not_sent',
    'not_sent',
  ])
  expect(client.inFlight).toBe(0)
  await client.close()
  expect((await send({})).status).toBe('not_sent')
  expect(sinks.offers.rows()).toHaveLength(12)
  expect(sinks.requests.rows()).toHaveLength(12)
  expect(client.totals).toMatchObject({ sent: 12, ok: 7, failed: 5 })
})

test('hooks hear of the first token and of each piece of text', async () => {
  const { client, send } = await open()
  const heard: string[] = []
  let firstNs = 0
  const outcome = await send(
    { text: 'utf8' },
    {},
    {
      onFirstToken: (tNs) => {
        firstNs = tNs
      },
      onText: (delta) => heard.push(delta),
    },
  )
  await client.close()
  expect(firstNs).toBe(outcome.firstTokenNs)
  expect(heard).toHaveLength(12)
  expect(heard.join('')).toBe(words(0, 12, 'utf8'))
})

import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryContext } from '../../../../test/support/memory-context.ts'
import { message, type SentSpan, traceRequest, varint } from '../../../../test/support/otlp-body.ts'
import { traceparents } from '../../requests/header-run-id.ts'
import { MOST_BODY_BYTES, type OtlpServer, startOtlpServer } from './otlp-server.ts'
import { prepareOtlp } from './otlp-source.ts'
import { ProtoError } from './proto-reader.ts'
import { type OtlpSpan, readTraceRequest } from './trace-request.ts'

const SPAN: SentSpan = {
  name: 'llm_request',
  startNs: 1_790_000_000_123_456_789n,
  endNs: 1_790_000_001_000_000_000n,
  attributes: {
    'gen_ai.request.id': 'cmpl-run-4-0',
    'gen_ai.latency.e2e': 0.875,
    'gen_ai.usage.completion_tokens': 40n,
    below: -3n,
  },
}

let server: OtlpServer | undefined
afterEach(() => server?.close())

const post = (url: string, body: Buffer, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'content-type': 'application/x-protobuf', ...headers },
  })

describe('the message', () => {
  it('is read with its times, texts and numbers, whatever else it holds', () => {
    const [span] = readTraceRequest(traceRequest([SPAN]))
    expect({ ...span, attributes: Object.fromEntries(span?.attributes ?? []) }).toEqual({
      ...{ name: 'llm_request', startNs: SPAN.startNs, endNs: SPAN.endNs, traceId: '07'.repeat(16) },
      attributes: {
        'gen_ai.request.id': 'cmpl-run-4-0',
        'gen_ai.latency.e2e': 0.875,
        'gen_ai.usage.completion_tokens': 40,
        below: -3,
      },
    })
    expect(readTraceRequest(Buffer.alloc(0))).toEqual([])
  })

  it('gives every span of any request back', () => {
    const spans = fc.array(
      fc.record({
        name: fc.string({ unit: 'grapheme', maxLength: 30 }),
        startNs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        endNs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        attributes: fc.dictionary(
          fc.string({ minLength: 1, maxLength: 8 }).filter((key) => key !== 'list'),
          fc.oneof(fc.string(), fc.double({ noNaN: true })),
          { noNullPrototype: true, maxKeys: 6 },
        ),
      }),
      { maxLength: 5 },
    )
    fc.assert(
      fc.property(spans, (made) => {
        const read = readTraceRequest(traceRequest(made))
        expect(
          read.map(({ name, startNs, endNs, attributes }) => ({
            name,
            startNs,
            endNs,
            attributes: Object.fromEntries(attributes),
          })),
        ).toEqual(made)
      }),
    )
  })

  it.each([
    ['cut off anywhere inside a field', traceRequest([SPAN]).subarray(0, -1)],
    ['a length beyond its end', message([1, Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f])])],
    ['a length of 2^63', Buffer.concat([Buffer.from([0x0a]), varint(2n ** 63n)])],
    ['a number without an end', Buffer.alloc(64, 0xff)],
    ['field number 0', Buffer.from([0x00, 0x01])],
    ['a group', Buffer.from([0x0b])],
    ['spans that are a number', message([1, message([2, 7n])])],
    ['a name that is a number', message([1, message([2, message([2, message([5, 7n])])])])],
  ])('is refused: %s', (_, body) => {
    expect(() => readTraceRequest(body)).toThrow(ProtoError)
  })

  it('is read or refused, never more, whatever its bytes are', () => {
    const good = traceRequest([SPAN, SPAN])
    const changed = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), (given) => {
        const body = given instanceof Uint8Array ? Buffer.from(given) : Buffer.from(good)
        if (!(given instanceof Uint8Array)) for (const [at, byte] of given) body[at] = byte
        try {
          for (const span of readTraceRequest(body)) expect(typeof span.startNs).toBe('bigint')
        } catch (error) {
          expect(error).toBeInstanceOf(ProtoError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the receiver', () => {
  it('takes plain and packed bodies, and answers as a collector does', async () => {
    const spans: OtlpSpan[] = []
    server = await startOtlpServer(0, (more) => spans.push(...more))
    const plain = await post(server.url, traceRequest([SPAN]))
    expect([plain.status, plain.headers.get('content-type'), await plain.text()]).toEqual([
      200,
      'application/x-protobuf',
      '',
    ])
    expect((await post(server.url, gzipSync(traceRequest([SPAN, SPAN])), { 'content-encoding': 'gzip' })).status).toBe(
      200,
    )
    expect(spans.map(({ name }) => name)).toEqual(['llm_request', 'llm_request', 'llm_request'])
    expect(server.refused.count).toBe(0)
  })

  it('refuses what is no such request, and goes on', async () => {
    let taken = 0
    server = await startOtlpServer(0, (spans) => {
      taken += spans.length
    })
    const { url } = server
    const bomb = gzipSync(Buffer.alloc(MOST_BODY_BYTES + 1))
    const large = Buffer.alloc(MOST_BODY_BYTES + 1)
    const statuses = [
      (await post(url, Buffer.from('{"resourceSpans":[]}'), { 'content-type': 'application/json' })).status,
      (await post(url, Buffer.from('a page says'), { 'content-type': 'text/plain' })).status,
      (await post(url, Buffer.from([0xff]))).status,
      (await post(url, bomb, { 'content-encoding': 'gzip' })).status,
      (await post(url, Buffer.from('no gzip'), { 'content-encoding': 'gzip' })).status,
      (await post(url, traceRequest([SPAN]), { 'content-encoding': 'br' })).status,
      (await fetch(url)).status,
      (await post(new URL('/v1/metrics', url).href, Buffer.alloc(0))).status,
      // Node's client may be cut off before it has sent all of it.
      await post(url, large).then(
        ({ status }) => status,
        () => 413,
      ),
    ]
    expect(statuses).toEqual([415, 415, 400, 413, 400, 415, 405, 404, 413])
    await halfARequest(url)
    expect((await post(url, traceRequest([SPAN]))).status).toBe(200)
    expect(taken).toBe(1)
    expect(server.refused.count).toBeGreaterThanOrEqual(9)
    expect(server.refused.first).toContain('http/protobuf')
  })

  it('says that its port is taken', async () => {
    server = await startOtlpServer(0, () => undefined)
    const port = Number(new URL(server.url).port)
    await expect(prepareOtlp(port)).rejects.toMatchObject({
      code: 'usage/port',
      hint: expect.stringContaining('--otlp-traces-endpoint'),
    })
  })
})

/** A client that promises a body, sends a part of it and goes. */
async function halfARequest(url: string): Promise<void> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write(
    'POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1000\r\n\r\nhalf',
  )
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
}

it('makes slices of the spans of its own requests, on the run’s clock, and counts the others', async () => {
  const memory = memoryContext()
  const { context } = memory
  const source = await prepareOtlp(0, 0)
  await source.start(context)
  const startNs = context.clock.epochUnixNs + 5_000_000_000n
  const latency = (name: string, s: number) => ({ [`gen_ai.latency.${name}`]: s })
  const own: SentSpan = {
    ...{ name: 'llm_request', startNs, endNs: startNs + 900_000_000n },
    attributes: {
      ...{ 'gen_ai.request.id': 'chatcmpl-run-4', 'gen_ai.usage.completion_tokens': 12n },
      ...latency('time_to_first_token', 0.3),
      ...latency('time_in_queue', 0.1),
      ...latency('time_in_model_prefill', 0.15),
      ...latency('time_in_model_decode', 0.5),
    },
  }
  const bare: SentSpan = { ...own, attributes: { 'gen_ai.request.id': 'cmpl-run-7-0' } }
  const foreign: SentSpan = { ...own, attributes: { 'gen_ai.request.id': 'cmpl-other-4-0' } }
  // Of a server that tells no id of its own, but keeps the trace that the request came with.
  const traced: SentSpan = {
    ...bare,
    name: 'gateway',
    traceId: traceparents('run')(258).split('-')[1] ?? '',
    attributes: {},
  }
  await post(source.url, traceRequest([own, foreign, bare, traced, { ...own, attributes: {} }]))
  await source.stop()
  expect(source.problem).toBeNull()
  const { offsetNs } = context.unixOffset()
  const rows = memory
    .gaps()
    .map(({ name, category, request_id, t_ns, dur_ns, tokens }) => [
      ...[name, category, request_id, Math.round((t_ns + offsetNs) / 1e6), Math.round(dur_ns / 1e6), tokens],
    ])
  expect(rows).toEqual([
    ['llm_request', 'otlp', 4, 5000, 900, 12],
    ['queue', 'otlp', 4, 5050, 100, null],
    ['prefill', 'otlp', 4, 5150, 150, null],
    ['decode', 'otlp', 4, 5300, 500, null],
    ['llm_request', 'otlp', 7, 5000, 900, null],
    ['gateway', 'otlp', 258, 5000, 900, null],
  ])
  expect(memory.tracks().map(({ name, layer }) => [name, layer])).toEqual([['otlp spans', 'engine']])
})

it('says what to start the server with, where no span came', async () => {
  const memory = memoryContext()
  const source = await prepareOtlp(0, 0)
  await source.start(memory.context)
  await source.stop()
  expect(source.problem).toContain(`--otlp-traces-endpoint ${source.url}`)
  expect(memory.notes).toEqual([source.problem])
})

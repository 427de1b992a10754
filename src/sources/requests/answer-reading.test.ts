import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { memoryRows } from '../../../test/support/memory-rows.ts'
import { createRunClock } from '../../base/time.ts'
import { chunks } from '../../trace/tables.ts'
import { ResponseReader } from './http/http-response.ts'
import { AnswerError } from './stream/answer-error.ts'
import { SharedShapes } from './stream/event-shape.ts'
import { ReadStamps } from './stream/read-stamps.ts'
import { SseEvents } from './stream/sse-events.ts'
import { TokenStream } from './stream/token-stream.ts'

interface Read {
  text: string
  deltas: string[]
  rows: { kind: string; tokens: number | null; bytes: number; index: number; coalesced: boolean }[]
  done: boolean
  finishReason: string | null
  outputTokens: number | null
  ended: boolean
  error: string | null
}

/** What the client's reader makes of a response's bytes, cut after each of `cuts`. */
function read(wire: Buffer, cuts: readonly number[]): Read {
  const rows = memoryRows(chunks)
  const stamps = new ReadStamps(createRunClock())
  const deltas: string[] = []
  const stream = new TokenStream(
    7,
    {
      chunks: rows.writer,
      stamps,
      totals: { tokens: 0 },
      keepTexts: true,
      keepTokenIds: true,
      shapes: new SharedShapes(),
    },
    { onText: (delta) => deltas.push(delta) },
  )
  const events = new SseEvents(stream)
  const reader = new ResponseReader({ head: () => {}, body: (...piece) => events.feed(...piece) })
  // As in the client: every read lands at the start of one buffer, and stale bytes lie behind it.
  const buffer = Buffer.alloc(wire.length + 64, '"}]\n\n')
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
  let error: string | null = null
  let from = 0
  for (const to of [...cuts, wire.length]) {
    if (to <= from) continue
    wire.copy(buffer, 0, from, to)
    stamps.take()
    try {
      reader.feed(buffer, view, 0, to - from)
    } catch (caught) {
      if (!(caught instanceof AnswerError)) throw caught
      error = `${caught.status}: ${caught.message}`
      break
    }
    rows.writer.settle()
    from = to
  }
  return {
    text: stream.reasoning + stream.output,
    deltas,
    rows: rows.rows() as unknown as Read['rows'],
    done: stream.done,
    finishReason: stream.finishReason,
    outputTokens: stream.usage.outputTokens,
    ended: reader.done,
    error,
  }
}

interface Expected {
  data: string
  bytes: number
}

/** Events by the specification, from the whole text at once. */
function reference(sse: string): Expected[] {
  const found: Expected[] = []
  let data: string[] = []
  let from = 0
  const body = sse.startsWith('\uFEFF') ? sse.slice(1) : sse
  const line = /([^\r\n]*)(\r\n|\n|\r)/y
  for (let match = line.exec(body); match !== null; match = line.exec(body)) {
    const [, text = '', end = ''] = match
    if (text === '') {
      // Of the CRLF that ends an event only the CR is counted.
      const to = match.index + (end === '\r\n' ? 1 : end.length)
      if (data.join('\n') !== '') found.push({ data: data.join('\n'), bytes: Buffer.byteLength(body.slice(from, to)) })
      data = []
      from = match.index + text.length + end.length
      continue
    }
    const colon = text.indexOf(':')
    const name = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') data.push(value)
  }
  return found
}

const eol = fc.constantFrom('\n', '\r\n', '\r')
const word = fc.oneof(
  fc.constantFrom('', ' a', 'é', '😀', '"', '\\', '\u2028', '{"x":[1]}', 'data: [DONE]', '\n\n', '\t', '</s>'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
)

/** Texts of one stream, as events of the API; `escape` writes all but ASCII as \uXXXX. */
const streamOf = fc.record({
  words: fc.array(word, { maxLength: 12 }),
  shape: fc.constantFrom('chat', 'completions', 'reasoning', 'tool'),
  usage: fc.constantFrom('never', 'running', 'last'),
  ids: fc.boolean(),
  escape: fc.boolean(),
  clock: fc.boolean(),
  role: fc.boolean(),
  eol,
  eolMixed: fc.array(eol, { maxLength: 5 }),
  space: fc.constantFrom('', ' '),
  pretty: fc.boolean(),
  multiline: fc.boolean(),
  comments: fc.boolean(),
  fields: fc.boolean(),
  bom: fc.boolean(),
  done: fc.boolean(),
})
type Stream = typeof streamOf extends fc.Arbitrary<infer T> ? T : never

function objectsOf(stream: Stream): object[] {
  const choice = (text: string, more: object) => {
    if (stream.shape === 'completions') return { index: 0, text, ...more }
    const field = { chat: 'content', reasoning: 'reasoning_content', tool: 'tool_calls' }[stream.shape]
    const value = stream.shape === 'tool' ? [{ index: 0, function: { arguments: text } }] : text
    return { index: 0, delta: { [field]: value }, ...more }
  }
  const usage = (tokens: number) => ({ prompt_tokens: 3, total_tokens: 3 + tokens, completion_tokens: tokens })
  const head = (i: number) => ({ id: 'x-1', created: stream.clock ? 1_000_000 + i : 5, model: 'm"\\é' })
  const objects: object[] = stream.words.map((text, i) => ({
    ...head(i),
    choices: [choice(text, { logprobs: null, finish_reason: null, ...(stream.ids ? { token_ids: [i, i * 97] } : {}) })],
    ...(stream.usage === 'running' ? { usage: usage(2 * i + 2) } : {}),
  }))
  if (stream.role && stream.shape !== 'completions') {
    objects.unshift({ ...head(0), choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] })
  }
  objects.push({ ...head(99), choices: [choice('', { finish_reason: 'stop' })] })
  if (stream.usage !== 'never') objects.push({ ...head(99), choices: [], usage: usage(2 * stream.words.length) })
  return objects
}

function sseOf(stream: Stream): string {
  let out = stream.bom ? '\uFEFF' : ''
  let lines = 0
  const end = () => (stream.eolMixed.length > 0 ? stream.eolMixed[lines++ % stream.eolMixed.length]! : stream.eol)
  const put = (line: string) => {
    const text = line + end()
    // CR then LF would read as one line end.
    out += out.endsWith('\r') && text.startsWith('\n') ? `\r${text}` : text
  }
  const datas = objectsOf(stream).map((object) => {
    let json = stream.pretty ? JSON.stringify(object, null, 1) : JSON.stringify(object)
    if (stream.escape) {
      json = json.replace(/[^\x20-\x7e\n]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    }
    return stream.multiline || !stream.pretty ? json : json.replaceAll('\n', ' ')
  })
  if (stream.done) datas.push('[DONE]')
  for (const [i, data] of datas.entries()) {
    if (stream.comments && i % 2 === 0) put(': ping')
    if (stream.comments && i % 3 === 0) put('')
    if (stream.fields) put(`id: ${i}`)
    if (stream.fields) put('event: message')
    for (const line of data.split('\n')) put(`data:${stream.space}${line}`)
    put('')
  }
  return out
}

interface Framing {
  kind: 'chunked' | 'length' | 'close'
  sizes: number[]
  extension: boolean
  trailer: boolean
  continued: boolean
}
const framingOf = fc.record({
  kind: fc.constantFrom<Framing['kind']>('chunked', 'length', 'close'),
  sizes: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }),
  extension: fc.boolean(),
  trailer: fc.boolean(),
  continued: fc.boolean(),
})

function wireOf(body: Buffer, framing: Framing): Buffer {
  const parts: (string | Buffer)[] = []
  if (framing.continued) parts.push('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n')
  parts.push('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n')
  if (framing.kind === 'chunked') {
    parts.push('transfer-encoding: chunked\r\n\r\n')
    for (let at = 0, i = 0; at < body.length; i++) {
      const piece = body.subarray(at, at + framing.sizes[i % framing.sizes.length]!)
      parts.push(`${piece.length.toString(16)}${framing.extension ? ';x="1"' : ''}\r\n`, piece, '\r\n')
      at += piece.length
    }
    parts.push(`0\r\n${framing.trailer ? 'x-checksum: 1\r\n' : ''}\r\n`)
  } else if (framing.kind === 'length') parts.push(`content-length: ${body.length}\r\n\r\n`, body)
  else parts.push('\r\n', body)
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)))
}

function textOf(object: Record<string, unknown>): string {
  const choice = (object.choices as Record<string, unknown>[])[0]
  const delta = choice?.delta as Record<string, unknown> | undefined
  const calls = delta?.tool_calls as { function: { arguments: string } }[] | undefined
  return String(choice?.text ?? calls?.[0]?.function.arguments ?? delta?.reasoning_content ?? delta?.content ?? '')
}

function check(stream: Stream, framing: Framing, cutsOf: (length: number) => number[]): void {
  const sse = sseOf(stream)
  const wire = wireOf(Buffer.from(sse), framing)
  const events = reference(sse)
  const objects = events.filter(({ data }) => data !== '[DONE]').map(({ data }) => JSON.parse(data))
  const got = read(wire, cutsOf(wire.length))
  expect(got.error).toBeNull()
  expect(got.deltas).toEqual(objects.map(textOf).filter((text) => text !== ''))
  expect(got.rows.map(({ index }) => index)).toEqual(objects.map((_, i) => i))
  expect(got.rows.map(({ bytes }) => bytes)).toEqual(
    events.filter(({ data }) => data !== '[DONE]').map(({ bytes }) => bytes),
  )
  expect(got.done).toBe(stream.done)
  expect(got.finishReason).toBe('stop')
  expect(got.outputTokens).toBe(stream.usage === 'never' ? null : 2 * stream.words.length)
  expect(got.ended).toBe(framing.kind !== 'close')
  if (stream.usage === 'running' || stream.ids) {
    expect(got.rows.reduce((sum, { tokens }) => sum + (tokens ?? 0), 0)).toBe(2 * stream.words.length)
  }
}

describe('an answer read from bytes', () => {
  test('any text, line ends, framing and cuts give the events of the reference', () => {
    fc.assert(
      fc.property(streamOf, framingOf, fc.array(fc.nat()), (stream, framing, cuts) => {
        check(stream, framing, (length) => cuts.map((cut) => cut % length).sort((a, b) => a - b))
      }),
      { numRuns: 400 },
    )
  })

  test('the same, cut at every byte', () => {
    fc.assert(
      fc.property(streamOf, framingOf, (stream, framing) => {
        check(stream, framing, (length) => Array.from({ length }, (_, i) => i))
      }),
      { numRuns: 60 },
    )
  })

  test('events of one read are marked coalesced, all of them; one alone is not', () => {
    const event = (text: string) => `data: ${JSON.stringify({ choices: [{ text }] })}\n\n`
    const head = 'HTTP/1.1 200 OK\r\n\r\n'
    const wire = Buffer.from(head + event('a') + event('b') + event('c') + event('d'))
    const length = event('a').length
    const { rows } = read(wire, [head.length, head.length + 3 * length])
    expect(rows.map((row) => row.coalesced)).toEqual([true, true, true, false])
  })

  test.each(['chat', 'completions', 'reasoning', 'tool'] as const)(
    '%s: JSON is parsed until its shape is learnt',
    (shape) => {
      const words = Array.from({ length: 200 }, (_, i) => ` w${i}`)
      const stream: Stream = {
        ...{
          words,
          shape,
          usage: 'running',
          ids: true,
          escape: false,
          clock: true,
          role: true,
          eol: '\r\n',
          eolMixed: [],
        },
        ...{ space: ' ', pretty: false, multiline: false, comments: false, fields: false, bom: false, done: true },
      }
      const sse = sseOf(stream)
      const wire = wireOf(Buffer.from(sse), {
        kind: 'length',
        sizes: [],
        extension: false,
        trailer: false,
        continued: false,
      })
      const parse = vi.spyOn(JSON, 'parse')
      const got = read(wire, [])
      const parsed = parse.mock.calls.filter(([text]) => text.startsWith('{')).length
      parse.mockRestore()
      expect(got.text).toBe(words.join(''))
      // The role, two to learn from (the clock shows with the second), the end, the usage.
      expect(parsed).toBeLessThanOrEqual(6)
      expect(got.rows).toHaveLength(words.length + (shape === 'completions' ? 2 : 3))
    },
  )

  test('a changed byte is judged the same by the template and by JSON', () => {
    const base = (text: string, n: number) =>
      `data: {"id":"i","choices":[{"index":0,"delta":{"content":"${text}"},"finish_reason":null,"token_ids":[${n},12]}],` +
      `"usage":{"prompt_tokens":1,"total_tokens":${n + 1},"completion_tokens":${n}}}\n\n`
    const head = Buffer.from('HTTP/1.1 200 OK\r\n\r\n')
    const third = Buffer.from(base('tok\\n\\u00e9', 3))
    const byte = fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(...Buffer.from('0123456789"\\,:[]{}un- \n\r')),
    )
    fc.assert(
      fc.property(fc.nat(third.length - 1), byte, fc.boolean(), (at, value, insert) => {
        const changed = Buffer.concat([
          third.subarray(0, at),
          Buffer.from([value]),
          third.subarray(insert ? at : at + 1),
        ])
        const first = Buffer.from(base('one', 1) + base('two', 2))
        // An event of another shape before it leaves a template that does not fit: JSON.parse judges.
        const matched = read(Buffer.concat([head, first, changed]), [])
        const other = Buffer.from(
          'data: {"choices":[{"text":"x"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n',
        )
        const parsed = read(Buffer.concat([head, other, changed]), [])
        expect(matched.error?.replace(/event \d/, '')).toBe(parsed.error?.replace(/event \d/, ''))
        expect(matched.deltas.slice(2)).toEqual(parsed.deltas.slice(1))
        const tail = (result: Read) => result.rows.map(({ kind, tokens, bytes }) => ({ kind, tokens, bytes }))
        expect(tail(matched).slice(2)).toEqual(tail(parsed).slice(1))
        expect(matched.outputTokens).toBe(parsed.outputTokens)
      }),
      { numRuns: 1000 },
    )
  })
})

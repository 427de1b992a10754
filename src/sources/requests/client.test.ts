import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { memoryRows } from '../../../test/support/memory-rows.ts'
import { needs } from '../../../test/support/needs.ts'
import { LayerlineError } from '../../base/errors.ts'
import { createRunClock } from '../../base/time.ts'
import { chunks, offers, requests } from '../../trace/tables.ts'
import { RequestClient, type RequestPlan } from './client.ts'
import { probeServer, type ServerInfo } from './probe.ts'
import { resolveTarget, type TargetOptions } from './target.ts'

const toStop: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop()
})

interface Asked {
  head: string
  body: string
  socket: Socket
  /** Which request of its connection, from 0, and which connection. */
  nth: number
  connection: number
}

/** A server that answers each whole request with what `answer` says; null: nothing. */
async function serve(
  answer: (asked: Asked) => string | Buffer | null,
  host = '127.0.0.1',
  make: (accept: (socket: Socket) => void) => Server = createServer,
): Promise<{ port: number; asked: Asked[] }> {
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = make((socket) => {
    const connection = connections++
    let text = ''
    let nth = 0
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (end < 0 || text.length < end + 4 + length) return
      const request = { head: text.slice(0, end), body: text.slice(end + 4), socket, nth: nth++, connection }
      text = ''
      asked.push(request)
      const said = answer(request)
      if (said !== null) socket.write(said)
    })
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  toStop.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, asked }
}

const clock = createRunClock()

function open(options: TargetOptions, server: ServerInfo | null = null) {
  const rows = memoryRows(requests)
  const sinks = {
    requests: rows.writer,
    chunks: memoryRows(chunks).writer,
    offers: memoryRows(offers).writer,
    texts: null,
  }
  const target = resolveTarget(options)
  const client = new RequestClient(target, server, sinks, clock, {
    runId: 'r',
    shard: 0,
    keepTexts: true,
    keepTokenIds: false,
  })
  toStop.push(() => client.close())
  let id = 0
  const send = (plan: Partial<RequestPlan> = {}) =>
    client.send({
      requestId: id++,
      promptId: null,
      scheduledNs: clock.now(),
      prompt: 'hi',
      maxTokens: 2,
      model: 'm',
      sampling: {},
      phase: 'measured',
      repeat: 0,
      attrs: null,
      stream: true,
      ...plan,
    })
  return { client, send, rows }
}

const event = (text: string, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'x', choices: [{ text, finish_reason: finish }] })}\n\n`
const BODY = `${event('a')}${event('b', 'stop')}data: [DONE]\n\n`
const sse = (body: string | Buffer, headers = '') =>
  Buffer.concat([
    Buffer.from(
      `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n`,
    ),
    Buffer.from(body),
  ])
const json = (status: number, value: unknown) => {
  const body = JSON.stringify(value)
  return `HTTP/1.1 ${status} No\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}
const refusal = (status: number, message: string) => json(status, { error: { message } })

describe('a kept-alive connection that the server closes as the next request comes', () => {
  test('is no failure: the request goes once more, over a fresh one', async () => {
    const { port, asked } = await serve(({ nth, socket }) => {
      if (nth === 0) return sse(BODY)
      socket.destroy()
      return null
    })
    const { send } = open({ url: `http://127.0.0.1:${port}` })
    expect(await send()).toMatchObject({ status: 'ok', connReused: false })
    expect(await send()).toMatchObject({ status: 'ok', connReused: false, text: 'ab' })
    expect(asked.map(({ connection, nth }) => [connection, nth])).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
    ])
  })

  test('but not after a first byte of the answer, and not twice', async () => {
    let connections = 0
    const { port, asked } = await serve(({ nth, connection, socket }) => {
      connections = Math.max(connections, connection + 1)
      if (nth === 0 && connection === 0) return sse(BODY)
      socket.end(connection === 0 ? 'HTTP/1.1 20' : '')
      return null
    })
    const { send } = open({ url: `http://127.0.0.1:${port}` })
    await send()
    expect(await send()).toMatchObject({ status: 'truncated' })
    expect(await send()).toMatchObject({ status: 'truncated', connReused: false })
    expect(asked).toHaveLength(3)
    expect(connections).toBe(2)
  })
})

describe('fields that a server refuses', () => {
  const refusing = (names: string[], status = 400) =>
    serve(({ body }) => {
      const named = names.find((name) => body.includes(`"${name}"`))
      return named === undefined
        ? sse(BODY)
        : refusal(status, `Unknown parameter: '${named}'. Use 'max_completion_tokens'`)
    })
  const vllm: ServerInfo = { models: [], server: 'vllm', version: null, address: '', remote: null }

  test.each([
    [['continuous_usage_stats'], { stream_options: { include_usage: true } }],
    [['stream_options'], {}],
    [['max_tokens'], { stream_options: { include_usage: true, continuous_usage_stats: true } }],
  ])('%s: asked once more without it, and left out from then on', async (names, left) => {
    const { port, asked } = await refusing(names, 422)
    const { send, rows } = open({ url: `http://127.0.0.1:${port}` }, vllm)
    expect(await send()).toMatchObject({ status: 'ok', error: null, httpStatus: 200 })
    const before = asked.length
    expect(await send()).toMatchObject({ status: 'ok' })
    expect(asked.length).toBe(before + 1)
    const body = JSON.parse(asked.at(-1)!.body)
    const limit = names[0] === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens'
    expect(body).toEqual({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }], [limit]: 2, ...left })
    expect(rows.rows()).toHaveLength(2)
  })

  test('another refusal is told as it is, after one try', async () => {
    const { port, asked } = await serve(() => refusal(400, 'the prompt is too long'))
    const { send } = open({ url: `http://127.0.0.1:${port}` }, vllm)
    expect(await send()).toMatchObject({ status: 'http_error', error: 'HTTP 400 No: the prompt is too long' })
    expect(asked).toHaveLength(1)
  })
})

describe('secrets', () => {
  const apiKey = 'sk-topsecret-123456'
  test.each([
    ['an error that quotes it', (head: string) => refusal(401, `Incorrect API key: ${/Bearer (\S+)/.exec(head)?.[1]}`)],
    [
      'a redirect that carries it',
      (head: string) => `HTTP/1.1 302 Found\r\nlocation: http://evil/?k=${/Bearer (\S+)/.exec(head)?.[1]}\r\n\r\n`,
    ],
    [
      'a page that quotes a secret header',
      (head: string) => `HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<p>${/x-token: (\S+)/.exec(head)?.[1]}</p>`,
    ],
  ])('%s: not in outcome, row, or probe error', async (_name, answer) => {
    const { port, asked } = await serve(({ head, socket }) => {
      const said = answer(head)
      setImmediate(() => socket.end())
      return said
    })
    const options = { url: `http://127.0.0.1:${port}`, apiKey, headers: { 'X-Token': 'hush-hush-99' } }
    const { send, rows } = open(options)
    const outcome = await send()
    expect(outcome.status).not.toBe('ok')
    expect(outcome.error).toContain('***')
    expect(asked).toHaveLength(1)
    const probed = await probeServer(resolveTarget(options)).catch((error: LayerlineError) => error)
    expect(probed).toBeInstanceOf(LayerlineError)
    const told = JSON.stringify([outcome, rows.rows(), probed, (probed as LayerlineError).message])
    expect(told).not.toContain(apiKey)
    expect(told).not.toContain('hush-hush-99')
  })
})

describe('bodies in codings nobody asked for', () => {
  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('%s', async (name, code) => {
    const { port } = await serve(() => sse(code(BODY), `content-encoding: ${name}\r\n`))
    const { send } = open({ url: `http://127.0.0.1:${port}` })
    expect(await send()).toMatchObject({ status: 'ok', text: 'ab', tokenEvents: 2 })
  })
  test('cut off, and broken', async () => {
    const whole = gzipSync(event('a').repeat(50))
    const { port } = await serve(({ nth }) =>
      sse(nth === 0 ? whole.subarray(0, -20) : Buffer.from('no gzip at all'), 'content-encoding: gzip\r\n'),
    )
    const { send } = open({ url: `http://127.0.0.1:${port}` })
    expect(await send()).toMatchObject({ status: 'truncated', error: expect.stringContaining('gzip') })
    expect(await send()).toMatchObject({ status: 'malformed', error: expect.stringContaining('gzip') })
  })
  test('one that is not known', async () => {
    const { port } = await serve(() => sse('x', 'content-encoding: zstd\r\n'))
    const { send } = open({ url: `http://127.0.0.1:${port}` })
    expect(await send()).toMatchObject({ status: 'malformed', error: expect.stringContaining('zstd') })
  })
})

describe('answers that are none', () => {
  const html = '<!doctype html><title>hello</title>'
  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9\r\n', 'malformed', /status line, got "SSH-2\.0/],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n', 'malformed', /HTTP\/2 200/],
    ['a TLS alert', Buffer.from([0x15, 3, 1, 0, 2, 2, 70]), 'malformed', /speaks TLS: use https/],
    ['a header without a colon', 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n', 'malformed', /"name: value".*nonsense/],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc',
      'malformed',
      /content-length/,
    ],
    ['a coding of transfer', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n', 'malformed', /only chunked/],
    ['101', 'HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\n', 'malformed', /101/],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 'http_error', /^HTTP 204 No Content$/],
    ['html as events', sse(html), 'malformed', /text\/event-stream body ended without an event/],
    ['a whole completion', json(200, { choices: [{ message: { content: 'hi' } }] }), 'malformed', /event stream/],
    ['an error with 200', refusal(200, 'model is asleep'), 'http_error', /^model is asleep$/],
    ['a number as event', sse('data: 17\n\n'), 'malformed', /event 0 .*expected a JSON object, got "17"/],
    [
      'a huge chunk size',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n',
      'malformed',
      /chunk size/,
    ],
    ['an answer cut in its head', 'HTTP/1.1 200 OK\r\ncontent-', 'truncated', /within the response headers/],
  ])('%s', async (_name, said, status, sentence) => {
    const { port } = await serve(({ socket }) => {
      socket.end(said)
      return null
    })
    const { send } = open({ url: `http://127.0.0.1:${port}` })
    const outcome = await send()
    expect(outcome.status).toBe(status)
    expect(outcome.error).toMatch(sentence)
  })

  test('an event stream under a wrong content-type is read, byte by byte too', async () => {
    const { port } = await serve(({ socket }) => {
      const wire = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`
      let at = 0
      const next = () => {
        if (at < wire.length) socket.write(wire.slice(at++, at), () => setImmediate(next))
      }
      next()
      return null
    })
    const { send } = open({ url: `http://127.0.0.1:${port}` })
    expect(await send()).toMatchObject({ status: 'ok', text: 'ab' })
  })

  test('bytes after the end of an answer: it counts, but its connection is not used again', async () => {
    const { port } = await serve(() => Buffer.concat([sse(BODY), Buffer.from('HTTP/1.1 200 OK\r\n')]))
    const { send } = open({ url: `http://127.0.0.1:${port}` })
    expect(await send()).toMatchObject({ status: 'ok' })
    expect(await send()).toMatchObject({ status: 'ok', connReused: false })
  })

  test('[DONE] without an end of the body is complete', async () => {
    const { port } = await serve(() => `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${BODY}`)
    const { send } = open({ url: `http://127.0.0.1:${port}` })
    const outcome = await send()
    expect(outcome).toMatchObject({ status: 'ok', text: 'ab' })
    expect(outcome.endNs).toBe(outcome.lastTokenNs)
  })
})

describe('connections that fail', () => {
  test('refused, with address and words', async () => {
    const { port } = await serve(() => null)
    await toStop.pop()?.()
    const { send, rows } = open({ url: `http://127.0.0.1:${port}` })
    const outcome = await send()
    expect(outcome).toMatchObject({ status: 'connect_error', httpStatus: null, connReused: false })
    expect(outcome.error).toBe(`127.0.0.1:${port}: connection refused: nothing listens there (ECONNREFUSED)`)
    expect(rows.rows()[0]).toMatchObject({ sent_ns: null, connected_ns: null, connect_start_ns: expect.any(Number) })
  })

  test('no such host', async () => {
    const { send } = open({ url: 'http://no-such-host.invalid:8000' })
    const outcome = await send()
    expect(outcome.status).toBe('connect_error')
    expect(outcome.error).toMatch(/^no-such-host\.invalid: .*\((ENOTFOUND|EAI_AGAIN)\)$/)
  })

  test('a name with several addresses: the one that answers is found', async () => {
    const { port } = await serve(() => sse(BODY))
    const { send } = open({ url: `http://localhost:${port}` })
    expect(await send()).toMatchObject({ status: 'ok' })
  })

  test('IPv6', async (context) => {
    const server = await serve(() => sse(BODY), '::1').catch(() => null)
    if (server === null) return context.skip('this machine has no ::1: switch IPv6 on')
    const { send } = open({ url: `http://[::1]:${server.port}/v1` })
    expect(await send()).toMatchObject({ status: 'ok', text: 'ab' })
    expect(server.asked[0]?.head).toContain(`host: [::1]:${server.port}`)
  })
})

describe('TLS', () => {
  function certificate(): { key: Buffer; cert: Buffer } | null {
    const folder = mkdtempSync(join(tmpdir(), 'layerline-tls-'))
    const at = (name: string) => join(folder, name)
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    const how = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      ...subject,
    ]
    try {
      execFileSync('openssl', [...how, '-keyout', at('key.pem'), '-out', at('cert.pem')], { stdio: 'ignore' })
      return { key: readFileSync(at('key.pem')), cert: readFileSync(at('cert.pem')) }
    } catch {
      return null
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  const made = certificate()
  const secure = (answer: (asked: Asked) => string | Buffer | null) =>
    serve(answer, '127.0.0.1', (accept) => createTlsServer(made!, accept))

  needs(made === null ? 'openssl, which makes the certificate, is not installed: sudo scripts/setup-system' : null)

  test('with its CA, insecurely, and not without', async () => {
    const { port } = await secure(() => sse(BODY))
    for (const url of [`https://127.0.0.1:${port}`, `https://localhost:${port}`]) {
      const trusted = open({ url, ca: made!.cert })
      expect(await trusted.send()).toMatchObject({ status: 'ok', text: 'ab', connReused: false })
      expect(await trusted.send()).toMatchObject({ status: 'ok', text: 'ab', connReused: true })
    }
    expect(await open({ url: `https://127.0.0.1:${port}`, insecure: true }).send()).toMatchObject({ status: 'ok' })
    const refused = await open({ url: `https://127.0.0.1:${port}` }).send()
    expect(refused).toMatchObject({ status: 'connect_error', error: expect.stringMatching(/self-signed.*--insecure/) })
    expect(refused.sentNs).toBeNaN()
  })

  test('http and https taken for each other', async () => {
    const tls = await secure(() => sse(BODY))
    const toTls = await open({ url: `http://127.0.0.1:${tls.port}` }).send()
    expect(['malformed', 'truncated', 'reset']).toContain(toTls.status)
    const plain = await serve(
      () => null,
      '127.0.0.1',
      () =>
        createServer((socket) => {
          socket.on('error', () => {})
          socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
        }),
    )
    const toPlain = await open({ url: `https://127.0.0.1:${plain.port}`, insecure: true }).send()
    expect(toPlain).toMatchObject({ status: 'connect_error', error: expect.stringContaining('use http://') })
  })
})

describe('a body that drips for ever', () => {
  /** Answers with a head, then a byte every 20 ms: no single wait is long. */
  const drip = async (head: string) => {
    const { port } = await serve(({ socket }) => {
      socket.write(head)
      const timer = setInterval(() => socket.write('1\r\nx\r\n'), 20)
      toStop.push(() => clearInterval(timer))
      return null
    })
    return port
  }
  const chunked = 'content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'

  test('of an error: the error with what came of it', async () => {
    const port = await drip(`HTTP/1.1 500 Oops\r\n${chunked}`)
    const { send } = open({ url: `http://127.0.0.1:${port}`, timeouts: { idleMs: 300 } })
    expect(await send()).toMatchObject({ status: 'http_error', error: expect.stringMatching(/^HTTP 500 Oops: "x+"/) })
  })

  test('of a whole answer: a timeout', async () => {
    const port = await drip(`HTTP/1.1 200 OK\r\n${chunked}`)
    const { send } = open({ url: `http://127.0.0.1:${port}`, timeouts: { firstTokenMs: 300 } })
    expect(await send({ stream: false })).toMatchObject({ status: 'timeout' })
  })
})

describe('the probe', () => {
  const probe = async (answer: (asked: Asked) => string | Buffer | null, model?: string, path = '') => {
    const { port, asked } = await serve(answer)
    const target = resolveTarget({
      url: `http://127.0.0.1:${port}${path}`,
      apiKey: 'sk-1',
      timeouts: { connectMs: 400 },
    })
    const result = await probeServer(target, model).catch((error: unknown) => error)
    return { result: result as ServerInfo & LayerlineError, asked, port }
  }

  test('names models, maker and version, under a base path, with the key', async () => {
    const { result, asked } = await probe(
      ({ head }) =>
        head.startsWith('GET /proxy/version')
          ? json(200, { version: '0.9.1' })
          : json(200, { data: [{ id: 'a', owned_by: 'vllm', max_model_len: 4096, root: '/m/a' }] }),
      undefined,
      '/proxy/v1/chat/completions',
    )
    expect(result).toMatchObject({
      models: [{ id: 'a', max_model_len: 4096, root: '/m/a' }],
      server: 'vllm',
      version: '0.9.1',
      address: '127.0.0.1',
    })
    expect(asked[0]?.head).toMatch(/^GET \/proxy\/v1\/models HTTP\/1\.1[\s\S]*authorization: Bearer sk-1/i)
  })

  test.each([
    ['401', refusal(401, 'no key'), 2, /HTTP 401: no key/],
    ['404', json(404, { detail: 'Not Found' }), 2, /HTTP 404: Not Found/],
    ['503', json(503, {}), 3, /HTTP 503/],
    [
      'a page',
      'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>',
      2,
      /text\/html.*<html>/,
    ],
    ['other JSON', json(200, { hello: 1 }), 2, /list of models/],
    ['a redirect', 'HTTP/1.1 301 Moved\r\nlocation: https://x/\r\ncontent-length: 0\r\n\r\n', 2, /https:\/\/x\//],
    ['silence', null, 3, /no answer within 400 ms/],
  ])('%s: the URL, the exit code, a hint', async (_name, said, exitCode, sentence) => {
    const { result, port } = await probe(() => said)
    expect(result).toBeInstanceOf(LayerlineError)
    expect(result.exitCode).toBe(exitCode)
    expect(result.message).toContain(`http://127.0.0.1:${port}/v1/models`)
    expect(result.message).toMatch(sentence)
    expect(result.hint).toBeTruthy()
  })

  test('refused', async () => {
    const { port } = await serve(() => null)
    await toStop.pop()?.()
    const error = await probeServer(resolveTarget({ url: `http://127.0.0.1:${port}` })).catch((e: LayerlineError) => e)
    expect(error).toMatchObject({ exitCode: 3, message: expect.stringContaining('connection refused') })
  })

  test('a server without a list of models is taken when a model is named', async () => {
    const { result } = await probe(() => json(404, { detail: 'Not Found' }), 'm')
    expect(result).toMatchObject({ models: [], server: 'unknown', version: null })
  })
})

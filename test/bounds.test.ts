import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createRunClock } from '../src/base/time.ts'
import { fetchMetrics } from '../src/sources/prometheus/metrics-page.ts'
import { RequestClient, type RequestOutcome } from '../src/sources/requests/client.ts'
import { probeServer } from '../src/sources/requests/probe.ts'
import { resolveTarget } from '../src/sources/requests/target.ts'
import { chunks, offers, requests, texts } from '../src/trace/tables.ts'
import { memoryRows } from './support/memory-rows.ts'

/** A server whose answers never end: it writes as fast as it is read. */
async function endless(status: number, type: string): Promise<string> {
  const piece = Buffer.alloc(1 << 20, '{"a":"')
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': type })
    const more = () => {
      while (!response.destroyed && response.write(piece));
    }
    response.on('drain', more)
    more()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function ask(url: string, stream: boolean): Promise<RequestOutcome> {
  const clock = createRunClock()
  const target = resolveTarget({ url, timeouts: { firstTokenMs: 0, idleMs: 0, totalMs: 0 } })
  const sinks = {
    requests: memoryRows(requests).writer,
    chunks: memoryRows(chunks).writer,
    offers: memoryRows(offers).writer,
    texts: memoryRows(texts).writer,
  }
  const options = { runId: 'r', shard: 0, keepTexts: false, keepTokenIds: false }
  const client = new RequestClient(target, null, sinks, clock, options)
  onTestFinished(() => client.close())
  return client.send({
    requestId: 0,
    promptId: null,
    scheduledNs: clock.now(),
    prompt: 'p',
    maxTokens: 1,
    model: 'm',
    sampling: {},
    phase: 'measured',
    repeat: 0,
    attrs: null,
    stream,
  })
}

test.each([
  ['a whole answer', 200, false, { status: 'malformed', error: expect.stringContaining('67108864 bytes') }],
  ['what should be a stream', 200, true, { status: 'malformed', error: expect.stringContaining('65536 bytes') }],
  ['an error', 500, true, { status: 'http_error', httpStatus: 500 }],
] as const)('%s without an end ends at its bound, without any timeout', async (_what, status, stream, outcome) => {
  expect(await ask(await endless(status, 'application/json'), stream)).toMatchObject(outcome)
})

test('so do a list of models and a page of metrics', async () => {
  const url = await endless(200, 'application/json')
  const list = probeServer(resolveTarget({ url, timeouts: { connectMs: 300_000 } }))
  await expect(list).rejects.toMatchObject({ message: expect.stringContaining('8 MiB') })
  const page = fetchMetrics({ url, what: 'it', hint: '' }, 300_000)
  await expect(page).rejects.toMatchObject({ code: 'input/metrics', message: expect.stringContaining('32 MiB') })
})

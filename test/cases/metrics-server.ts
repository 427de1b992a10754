import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface MetricsServer {
  readonly url: string
  /** Pages asked for so far, by path. */
  readonly asked: ReadonlyMap<string, number>
}

/** A page, or another answer, the n-th time (from 1) that it is asked for. */
export type Page = (n: number) => string | { status: number; body: string; type?: string }

/** A server on the loopback that streams `tokens` words `gapMs` apart to every chat request, and shows the pages named. */
export async function metricsServer(pages: Record<string, Page>, tokens = 8, gapMs = 15): Promise<MetricsServer> {
  const asked = new Map<string, number>()
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://h').pathname
    const page = pages[path]
    if (request.method === 'POST') void answer(request, response, tokens, gapMs)
    else if (page !== undefined) {
      const n = (asked.get(path) ?? 0) + 1
      asked.set(path, n)
      const got = page(n)
      const { status, body, type } = typeof got === 'string' ? { status: 200, body: got, type: 'text/plain' } : got
      response.writeHead(status, { 'content-type': type ?? 'application/json' }).end(body)
    } else if (path === '/v1/models') {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ object: 'list', data: [{ id: 'mock', object: 'model' }] }))
    } else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

async function answer(request: IncomingMessage, response: ServerResponse, tokens: number, gapMs: number) {
  for await (const _ of request);
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const event = (data: unknown) => response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`)
  const piece = (content: string | null, finish: string | null) => ({
    id: 'c',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: content === null ? {} : { content }, finish_reason: finish }],
  })
  for (let i = 0; i < tokens && !response.destroyed; i++) {
    await new Promise((resolve) => setTimeout(resolve, gapMs))
    event(piece(` w${i}`, null))
  }
  event(piece(null, 'length'))
  event({ id: 'c', choices: [], usage: { prompt_tokens: 5, completion_tokens: tokens, total_tokens: 5 + tokens } })
  event('[DONE]')
  response.end()
}

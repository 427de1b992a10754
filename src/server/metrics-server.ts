import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { listening } from '../base/bounded-wait.ts'
import { errorCode, errorText, LayerlineError } from '../base/errors.ts'

export interface MetricsServer {
  /** `http://127.0.0.1:PORT/metrics`. */
  readonly url: string
  close(): void
}

/** Answers GET /metrics on 127.0.0.1 with what `page` gives; port 0 takes any free one. Throws `usage/port`. */
export async function startMetricsServer(port: number, page: () => string): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').replace(/\?.*$/s, '')
    if (!isLoopback(request.headers.host)) {
      response.writeHead(403, { 'content-type': 'text/plain' }).end('ask for 127.0.0.1 or localhost\n')
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
    } else if (path !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('the figures are at /metrics\n')
    } else {
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
      response.end(request.method === 'HEAD' ? '' : page())
    }
  })
  await listening(server, () => server.listen(port, '127.0.0.1')).catch((cause: unknown) => {
    throw notListening(port, cause)
  })
  // A scraper that keeps its connection must not keep the run from ending.
  server.unref()
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** A page of another site may have its name lead here (DNS rebinding): its requests name that site as their host. */
function isLoopback(host: string | undefined): boolean {
  return host === undefined || /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host)
}

function notListening(port: number, cause: unknown): LayerlineError {
  const taken = errorCode(cause) === 'EADDRINUSE'
  const why = taken ? 'another process listens there' : errorText(cause)
  return new LayerlineError('usage/port', `--metrics-port ${port}: ${why}`, {
    hint: '--metrics-port 0 takes any free port and says which',
    cause,
  })
}

import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { listening } from '../../base/bounded-wait.ts'
import { errorCode, errorText, LayerlineError } from '../../base/errors.ts'
import { webApp } from './app.ts'
import { Imports } from './imports.ts'
import { PageFiles } from './page-files.ts'
import type { Self } from './run/report-of-run.ts'
import { ServedRuns } from './run/served-runs.ts'

export interface WebServer {
  /** Where the page is, with its token where one is needed. */
  readonly url: string
  close(): Promise<void>
}

export interface WebServerOptions {
  /** A run's folder, or one with runs in it. */
  readonly folder: string
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** What runs `layerline`, for imports and long reports; null: neither in a process of its own. */
  readonly self: Self | null
  /** The built page, if it is not the checkout's. */
  readonly page?: string
}

/** Serves the page. On 127.0.0.1 it answers only to names of this machine, elsewhere it wants a token, new at every start. Throws `usage/port`, `missing/page`. */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  const { folder, host, port, self } = options
  const files = new PageFiles(options.page)
  if (!files.isBuilt)
    throw new LayerlineError('missing/page', 'the page is not built', { hint: 'node scripts/setup.mjs' })
  const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host)
  const token = loopback ? null : randomBytes(24).toString('base64url')
  const runs = new ServedRuns(folder, self)
  const imports = new Imports(runs, self)
  const app = webApp({ runs, imports, files, guard: { loopback, token }, named: folder })
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  server.requestTimeout = 0
  server.headersTimeout = 10_000
  await listening(server, () => server.listen(port, host)).catch((cause: unknown) => {
    throw notListening(host, port, cause)
  })
  const at = server.address() as AddressInfo
  const name = at.family === 'IPv6' ? `[${at.address}]` : at.address
  return {
    url: `http://${name}:${at.port}/${token === null ? '' : `?token=${token}`}`,
    async close() {
      imports.close()
      server.close()
      server.closeAllConnections()
      await runs.close()
    },
  }
}

function notListening(host: string, port: number, cause: unknown): LayerlineError {
  const taken = errorCode(cause) === 'EADDRINUSE'
  const why = taken ? 'another process listens there' : errorText(cause)
  return new LayerlineError('usage/port', `${host}:${port}: ${why}`, {
    hint: '--port 0 takes any free port and says which',
    cause,
  })
}

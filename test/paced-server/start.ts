import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { builtFile } from '../../src/base/package-files.ts'
import type { PartialBehaviour } from './behaviour.ts'
import type { KeptRequest, PacedServerOptions } from './server.ts'
import type { Truth } from './truth.ts'

export interface StartOptions extends Partial<Omit<PacedServerOptions, 'tls' | 'defaults'>> {
  /** Paths of PEM files. */
  tls?: { cert: string; key: string }
  /** Behaviour of requests that do not say theirs. */
  paced?: PartialBehaviour
}

export interface RunningPacedServer {
  /** `http://127.0.0.1:PORT`, without the base path. */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Over plain HTTP only, as are the next three. */
  truth(): Promise<Truth>
  clearTruth(): Promise<void>
  /** The last 200 requests (those to the server's own controls apart). */
  requests(): Promise<KeptRequest[]>
  /** Replaces the default behaviour. */
  setDefaults(behaviour: PartialBehaviour): Promise<void>
  /** Stops the whole process until `thaw()`: nothing is accepted, read or written (with `backlog: 1`, connects hang). */
  freeze(): void
  thaw(): void
  /** Ends the process; resolves when it is gone. */
  stop(): Promise<void>
}

/** Starts the built server (`dist/`) as a child process; resolves when it listens. */
export async function startPacedServer(options: StartOptions = {}): Promise<RunningPacedServer> {
  const host = options.host ?? '127.0.0.1'
  const child = spawn(process.execPath, [fileURLToPath(builtFile('test/paced-server/main')), ...flags(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const gone = once(child, 'exit')
  const first = await Promise.race([once(lines, 'line'), gone.then(() => null)])
  if (first === null) throw new Error(`the paced server did not start (exit code ${child.exitCode})`)
  const { port, pid } = JSON.parse(first[0] as string) as { port: number; pid: number }
  const url = `${options.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`

  async function control(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(url + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }

  return {
    url,
    port,
    pid,
    truth: () => control('GET', '/truth') as Promise<Truth>,
    clearTruth: async () => void (await control('DELETE', '/truth')),
    requests: () => control('GET', '/requests') as Promise<KeptRequest[]>,
    setDefaults: async (behaviour) => void (await control('PUT', '/paced', behaviour)),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}

function flags(options: StartOptions): string[] {
  const flag = (name: string, value: string | number | null | undefined) =>
    value === undefined || value === null ? [] : [`--${name}`, String(value)]
  return [
    ...flag('port', options.port),
    ...flag('host', options.host),
    ...(options.models ?? []).flatMap((model) => flag('model', model)),
    ...flag('max-model-len', options.maxModelLen),
    ...flag('api-key', options.apiKey),
    ...flag('base-path', options.basePath),
    ...flag('tls-cert', options.tls?.cert),
    ...flag('tls-key', options.tls?.key),
    ...flag('delay-accept-ms', options.delayAcceptMs),
    ...flag('backlog', options.backlog),
    ...flag('paced', options.paced === undefined ? undefined : JSON.stringify(options.paced)),
  ]
}

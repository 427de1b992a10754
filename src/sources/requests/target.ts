import { isIP } from 'node:net'
import { LayerlineError } from '../../base/errors.ts'
import { withoutCredentials } from '../../base/secrets/credentials.ts'
import { TIMEOUTS_S } from '../../config/timeouts.ts'

export type Endpoint = 'chat' | 'completions'

/** 0 turns one off. */
export interface Timeouts {
  /** Name looked up, TCP and TLS established. */
  connectMs: number
  /** From the last body byte sent to the first token (streaming). */
  firstTokenMs: number
  /** Between two reads, once the answer has begun. */
  idleMs: number
  /** From handing the request to the client to the end of the answer. */
  totalMs: number
}

/** Those of the settings. */
export const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: TIMEOUTS_S.connect * 1000,
  firstTokenMs: TIMEOUTS_S.firstToken * 1000,
  idleMs: TIMEOUTS_S.idle * 1000,
  totalMs: TIMEOUTS_S.total * 1000,
}

/** Where requests go: one server, one endpoint. */
export interface Target {
  /** The whole URL of the endpoint; carries no secret. */
  url: string
  /** Without the brackets of IPv6. */
  host: string
  port: number
  tls: boolean
  /** For SNI and the certificate; empty where the host is an address. */
  servername: string
  /** The part before `/chat/completions` and `/models`, as `/v1`; no slash at its end. */
  basePath: string
  endpoint: Endpoint
  /** Path and query of the endpoint. */
  path: string
  apiKey: string | undefined
  headers: Record<string, string>
  ca?: string | Buffer
  insecure: boolean
  /** Each request carries a `traceparent` of its own, unless `headers` has one. */
  traceparent?: boolean
  timeouts: Timeouts
}

export interface TargetOptions {
  url: string
  /** Used where the URL is a base. */
  endpoint?: Endpoint
  apiKey?: string
  headers?: Record<string, string>
  ca?: string | Buffer
  insecure?: boolean
  traceparent?: boolean
  timeouts?: Partial<Timeouts>
}

/**
 * Reads `--url`: a base (`http://h:8000`, `…/v1`, `…/proxy`) or a full endpoint. A path that ends in `/completions` is
 * used as it is; else the endpoint is `<base>/v1/…`, without a second `v1`. Throws LayerlineError (input/url, input/header).
 */
export function resolveTarget(options: TargetOptions): Target {
  const url = parseUrl(options.url)
  const path = url.pathname.replace(/\/+$/, '')
  const full = path.endsWith('/completions')
  const endpoint = full ? (path.endsWith('/chat/completions') ? 'chat' : 'completions') : (options.endpoint ?? 'chat')
  const basePath = full
    ? path.replace(/(\/chat)?\/completions$/, '')
    : /\/v\d+[a-z0-9]*$/.test(path)
      ? path
      : `${path}/v1`
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const headers = options.headers ?? {}
  checkHeaders(headers, options.apiKey)
  const target: Target = {
    url: '',
    host,
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
    tls: url.protocol === 'https:',
    traceparent:
      options.traceparent === true && !Object.keys(headers).some((name) => name.toLowerCase() === 'traceparent'),
    servername: isIP(host) === 0 ? host : '',
    basePath,
    endpoint,
    path: (full ? path : `${basePath}${ENDPOINT_PATHS[endpoint]}`) + url.search,
    apiKey: options.apiKey,
    headers,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    insecure: options.insecure ?? false,
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
  }
  target.url = urlOf(target, target.path)
  return target
}

const ENDPOINT_PATHS = { chat: '/chat/completions', completions: '/completions' } as const

/** The path of the other endpoint of the same server, or of this one. */
export function pathOf(target: Target, endpoint: Endpoint): string {
  if (endpoint === target.endpoint) return target.path
  return target.path.replace(ENDPOINT_PATHS[target.endpoint], ENDPOINT_PATHS[endpoint])
}

/** An address of the target's server, for messages. */
export function urlOf(target: Target, path: string): string {
  return `${target.tls ? 'https' : 'http'}://${authority(target)}${path}`
}

/** `host` or `host:port`, as in the Host header. */
export function authority(target: Target): string {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  return target.port === (target.tls ? 443 : 80) ? host : `${host}:${target.port}`
}

function parseUrl(text: string): URL {
  const bad = (what: string, hint: string) => new LayerlineError('input/url', what, { hint })
  let url: URL
  try {
    url = new URL(text)
  } catch {
    const hint = text.includes('://') ? 'for example http://127.0.0.1:8000' : `write http://${text} or https://${text}`
    throw bad(`${withoutCredentials(text)}: not a URL`, hint)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    const hint = /^[\w.-]+:\d+/.test(text) ? `write http://${text}` : 'for example http://127.0.0.1:8000'
    throw bad(`${withoutCredentials(text)}: expected http:// or https://`, hint)
  }
  if (url.username !== '' || url.password !== '') {
    throw bad(
      `${withoutCredentials(text)}: credentials in the URL are not taken`,
      'pass the key as --help says, not in the URL',
    )
  }
  return url
}

const OURS = new Set(['content-length', 'transfer-encoding', 'connection', 'x-request-id', 'accept-encoding'])

function checkHeaders(headers: Record<string, string>, apiKey: string | undefined): void {
  for (const [name, value] of Object.entries(headers)) {
    const bad = (what: string) =>
      new LayerlineError('input/header', `header ${JSON.stringify(name)}: ${what}`, {
        hint: 'write it as "Name: value"',
      })
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) throw bad('not a header name')
    if (OURS.has(name.toLowerCase())) throw bad('is set by Layerline')
    if (!isHeaderValue(value)) throw bad('its value has a character that headers cannot carry')
  }
  if (apiKey !== undefined && (!isHeaderValue(apiKey) || apiKey === '')) {
    throw new LayerlineError('input/api-key', 'the API key is empty or has a character that headers cannot carry', {
      hint: 'look for a line break or a quote at its end',
    })
  }
}

function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
}

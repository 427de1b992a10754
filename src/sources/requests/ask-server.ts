import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { settledBy } from '../../base/bounded-wait.ts'
import { LayerlineError } from '../../base/errors.ts'
import { networkWords } from './http/connect-errors.ts'
import { commonHeaders } from './http/request-head.ts'
import { WholeBody } from './http/whole-body.ts'
import { redactor } from './secrets.ts'
import { type Target, urlOf } from './target.ts'

const MOST_BYTES = 8 * 1024 * 1024

export interface ServerAnswer {
  url: string
  status: number
  headers: IncomingMessage['headers']
  body: WholeBody
  /** What the connection shows of its two ends. */
  remote: { address: string; port: number; localAddress: string } | null
}

/** The target's base URL without the version of its API: servers have other paths there. */
export function rootPath(target: Target): string {
  return target.basePath.replace(/\/v\d+[a-z0-9]*$/, '')
}

/**
 * Asks the target's server for something besides a completion, with its key, headers and certificates. Without
 * `timeoutMs` the limit for connecting applies. Throws `unreachable/server`; an answer of any status is an answer.
 */
export function askServer(
  target: Target,
  path: string,
  { method = 'GET', timeoutMs }: { method?: 'GET' | 'POST'; timeoutMs?: number } = {},
): Promise<ServerAnswer> {
  const url = urlOf(target, path)
  const redact = redactor(target.apiKey, target.headers)
  const unreachable = (what: string, cause?: unknown) =>
    new LayerlineError('unreachable/server', redact(`${url}: ${what}`), {
      hint: 'is the server up, and are host and port right?',
      cause,
    })
  const limitMs = timeoutMs ?? (target.timeouts.connectMs > 0 ? target.timeouts.connectMs : 30_000)
  const ask = target.tls ? requestHttps : requestHttp
  const sent = ask({
    method,
    host: target.host,
    port: target.port,
    path,
    headers: { ...commonHeaders(target), accept: 'application/json', connection: 'close' },
    agent: false,
    ...(target.ca === undefined ? {} : { ca: target.ca }),
    rejectUnauthorized: !target.insecure,
    ...(target.servername === '' ? {} : { servername: target.servername }),
  })
  const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${limitMs} ms`)), limitMs)
  const answer = settledBy<ServerAnswer>('the timer above', (resolve, reject) => {
    sent.on('error', (error) => reject(unreachable(networkWords(error), error)))
    sent.on('response', (response) => {
      const body = new WholeBody(MOST_BYTES)
      const { remoteAddress, remotePort, localAddress } = response.socket
      response.on('data', (bytes: Buffer) => {
        body.push(bytes, 0, bytes.length)
        if (body.cut) sent.destroy(new Error(`an answer of more than ${MOST_BYTES / (1 << 20)} MiB`))
      })
      response.on('error', (error) => reject(unreachable(networkWords(error), error)))
      response.on('end', () =>
        resolve({
          url,
          status: response.statusCode ?? 0,
          headers: response.headers,
          body,
          remote:
            remoteAddress === undefined
              ? null
              : { address: remoteAddress, port: remotePort ?? target.port, localAddress: localAddress ?? '' },
        }),
      )
    })
  })
  sent.end()
  return answer.finally(() => clearTimeout(timer))
}

import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { abortForMany, settledBy } from '../../base/bounded-wait.ts'
import { LayerlineError } from '../../base/errors.ts'
import { networkWords } from '../../sources/requests/http/connect-errors.ts'
import { commonHeaders } from '../../sources/requests/http/request-head.ts'
import { WholeBody } from '../../sources/requests/http/whole-body.ts'
import { redactor } from '../../sources/requests/secrets.ts'
import { type Target, urlOf } from '../../sources/requests/target.ts'

const MOST_BYTES = 256 * 1024 * 1024

export interface JsonAnswer {
  readonly url: string
  readonly status: number
  /** Undefined where the body is not JSON. */
  readonly json: unknown
  /** The body's error message, or the start of the body; secrets are redacted. */
  readonly message: string
  /** The wait that `retry-after` asks for, s; null if it has none. */
  readonly retryAfterS: number | null
}

/** POSTs of JSON to one server over a few connections that stay open; further requests wait. */
export class JsonApi {
  readonly target: Target
  private readonly agent: HttpAgent
  private readonly ended = abortForMany()
  private readonly redact: (text: string) => string

  constructor(target: Target, connections: number) {
    this.target = target
    this.agent = new (target.tls ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: connections })
    this.redact = redactor(target.apiKey, target.headers)
  }

  /** Returns any answer of the server. Throws `unreachable/server` if there is none within `timeoutMs`. */
  post(path: string, body: unknown, timeoutMs: number): Promise<JsonAnswer> {
    const { target } = this
    const url = urlOf(target, path)
    if (this.signal.aborted)
      return Promise.reject(new LayerlineError('interrupted/closed', `${url}: not asked any more`))
    const bytes = Buffer.from(JSON.stringify(body))
    const sent = (target.tls ? requestHttps : requestHttp)({
      method: 'POST',
      host: target.host,
      port: target.port,
      path,
      agent: this.agent,
      headers: {
        ...commonHeaders(target),
        accept: 'application/json',
        'content-type': 'application/json',
        'content-length': bytes.length,
      },
      ...(target.ca === undefined ? {} : { ca: target.ca }),
      rejectUnauthorized: !target.insecure,
      ...(target.servername === '' ? {} : { servername: target.servername }),
    })
    return settledBy<JsonAnswer>('the timer of its connection', (resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const fail = (error: unknown) => {
        clearTimeout(timer)
        reject(
          new LayerlineError('unreachable/server', this.redact(`${url}: ${networkWords(error)}`), {
            hint: 'is the server up, and are host and port right?',
            cause: error,
          }),
        )
      }
      // The time counts from when the request has its connection, not from when it joined the queue for one.
      sent.on('socket', () => {
        timer = setTimeout(() => sent.destroy(new Error(`no whole answer within ${timeoutMs} ms`)), timeoutMs)
      })
      sent.on('error', fail)
      sent.on('response', (response) => {
        const read = new WholeBody(MOST_BYTES)
        response.on('data', (part: Buffer) => {
          read.push(part, 0, part.length)
          if (read.cut) sent.destroy(new Error(`an answer of more than ${MOST_BYTES / (1 << 20)} MiB`))
        })
        response.on('error', fail)
        response.on('end', () => {
          clearTimeout(timer)
          const after = Number(response.headers['retry-after'])
          resolve({
            url,
            status: response.statusCode ?? 0,
            json: read.json(),
            message: this.redact(read.message()),
            retryAfterS: Number.isFinite(after) && after >= 0 ? after : null,
          })
        })
      })
      sent.end(bytes)
    })
  }

  /** Ends waits between attempts when this is closed. */
  get signal(): AbortSignal {
    return this.ended.signal
  }

  /** Ends every connection; requests in flight fail. */
  close(): void {
    this.ended.abort()
    this.agent.destroy()
  }
}

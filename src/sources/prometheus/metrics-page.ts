import { errorCode, errorText, LayerlineError } from '../../base/errors.ts'
import { safeUrl } from '../../config/without-secrets.ts'
import { whatPage } from './what-page.ts'

const TIMEOUT_MS = 5_000
/** No page of metrics is this long; what answers so is something else. */
const MAX_BYTES = 32 << 20

/** Whose page it is, for the errors. */
export interface MetricsSource {
  url: string
  /** `the DCGM exporter`. */
  what: string
  hint: string
  /** What to do where the page is JSON. */
  jsonHint?: string
}

/**
 * Fetches a page of metrics; `user:password@` in the URL is sent as Basic authorization. Throws `unreachable/metrics`, or
 * `input/metrics` where the answer is no such page.
 */
export async function fetchMetrics(source: MetricsSource, timeoutMs = TIMEOUT_MS): Promise<string> {
  const { what, hint } = source
  const { address, headers } = addressOf(source.url)
  const url = safeUrl(source.url)
  let response: Response
  let page: string | null
  try {
    response = await fetch(address, { signal: AbortSignal.timeout(timeoutMs), headers })
    page = await textOf(response)
  } catch (cause) {
    throw new LayerlineError('unreachable/metrics', `${url}: ${what} does not answer: ${whyNot(cause, timeoutMs)}`, {
      hint,
      cause,
    })
  }
  if (!response.ok) {
    throw new LayerlineError(
      'unreachable/metrics',
      `${url}: ${what} answered ${response.status} ${response.statusText}; expected a page of metrics`.trim(),
      { hint: STATUS_HINTS[response.status] ?? hint },
    )
  }
  const sort =
    page === null
      ? `more than ${MAX_BYTES >> 20} MiB, which no page of metrics has`
      : isNoMetrics(page)
        ? whatPage(page)
        : null
  if (sort !== null || page === null) {
    throw new LayerlineError(
      'input/metrics',
      `${url}: not a page of metrics in the Prometheus text format: ${sort}; expected the metrics of ${what} as text`,
      { hint: hintFor(source, page) },
    )
  }
  return page
}

const STATUS_HINTS: Readonly<Record<number, string>> = {
  401: 'the page asks for a login: http://USER:PASSWORD@HOST…',
  403: 'the page is refused: ask who runs the server, or name another port of it',
  404: 'the page of metrics is usually at /metrics; trtllm-serve has it at /prometheus/metrics',
}

function addressOf(given: string): { address: string; headers: Record<string, string> } {
  const at = new URL(given)
  const { username, password } = at
  const accept = { accept: 'text/plain' }
  if (username === '' && password === '') return { address: at.href, headers: accept }
  at.username = ''
  at.password = ''
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { address: at.href, headers: { ...accept, authorization: `Basic ${Buffer.from(login).toString('base64')}` } }
}

/** Null where there is more than any page has. */
async function textOf(response: Response): Promise<string | null> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength
    if (bytes > MAX_BYTES) return null
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** HTML, JSON, and what is no text. */
function isNoMetrics(page: string): boolean {
  return /^\ufeff?\s*(<(!doctype|html|\?xml)|[{[])/i.test(page) || page.startsWith('\u001f')
}

function hintFor({ hint, jsonHint }: MetricsSource, page: string | null): string {
  if (page !== null && /^\ufeff?\s*</.test(page)) {
    return 'name the page of metrics itself, usually /metrics; a login page or a proxy may stand in between'
  }
  return page !== null && /^\ufeff?\s*[{[]/.test(page) ? (jsonHint ?? hint) : hint
}

function whyNot(error: unknown, timeoutMs: number): string {
  if (error instanceof DOMException && error.name === 'TimeoutError') return `no answer in ${timeoutMs / 1000} s`
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = errorCode(cause)
  if (code === 'ECONNREFUSED') return 'connection refused'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no address is known for that name'
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'the connection was closed'
  return errorText(cause)
}

import { errorCode, errorText, LayerlineError } from '../../base/errors.ts'

const TIMEOUT_MS = 5_000
/** No page of metrics is this long; what answers so is something else. */
const MAX_CHARACTERS = 32 << 20

/** Whose page it is, for the errors. */
export interface MetricsSource {
  url: string
  /** `the DCGM exporter`. */
  what: string
  hint: string
}

/** Fetches a page of metrics. Throws `unreachable/metrics`, or `input/metrics` where the answer is no such page. */
export async function fetchMetrics(source: MetricsSource, timeoutMs = TIMEOUT_MS): Promise<string> {
  const { url, what, hint } = source
  let response: Response
  let page: string
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), headers: { accept: 'text/plain' } })
    page = await response.text()
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
      { hint: response.status === 404 ? 'the page of metrics is usually at /metrics' : hint },
    )
  }
  if (/^\s*<(!doctype|html)/i.test(page)) {
    throw new LayerlineError('input/metrics', `${url}: a web page (HTML); expected the metrics of ${what} as text`, {
      hint: 'name the page of metrics itself, usually /metrics; a login page or a proxy may stand in between',
    })
  }
  if (page.length > MAX_CHARACTERS || /^\s*[{[]/.test(page)) {
    throw new LayerlineError('input/metrics', `${url}: not a page of metrics in the Prometheus text format`, { hint })
  }
  return page
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

import { createHash } from 'node:crypto'

/** A run's id as `X-Request-Id` carries it, before `-<request_id>`: a folder's name may hold what a header must not. */
export function headerRunId(runId: string): string {
  return runId.replaceAll(/[^\w.-]+/g, '-').slice(0, 100)
}

/**
 * Reads a server's own id of a request back: vLLM puts the header into `cmpl-<it>-<index>-<hex>` or `chatcmpl-<it>-<hex>`.
 * Null for a request that is not of this run.
 */
export function requestIdReader(runId: string): (serverId: string) => number | null {
  const mine = headerRunId(runId).replaceAll(/[.\\+*?[^\]$(){}=!<>|:#-]/g, '\\$&')
  const pattern = new RegExp(`^(?:chat)?cmpl-${mine}-(\\d+)(?:-\\d+)?(?:-[0-9a-f]{8})?$`)
  return (serverId) => {
    const found = pattern.exec(serverId)?.[1]
    return found === undefined ? null : Number(found)
  }
}

/** What trace ids of a run's requests begin with; the request's id is the rest. As W3C's `traceparent` carries it, hex. */
function tracePrefix(runId: string): string {
  return createHash('sha256').update(runId).digest('hex').slice(0, 24)
}

const hexId = (requestId: number) => requestId.toString(16).padStart(8, '0')

/** The `traceparent` of each request of a run. */
export function traceparents(runId: string): (requestId: number) => string {
  const prefix = tracePrefix(runId)
  return (requestId) => `00-${prefix}${hexId(requestId)}-${prefix.slice(0, 8)}${hexId(requestId)}-01`
}

/** Reads a trace id back; null for a request that is not of this run. */
export function traceIdReader(runId: string): (traceId: string) => number | null {
  const prefix = tracePrefix(runId)
  return (traceId) =>
    traceId.length === 32 && traceId.startsWith(prefix) ? Number.parseInt(traceId.slice(24), 16) : null
}

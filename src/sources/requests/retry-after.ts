/** Longer waits than this are not kept: the request fails instead. */
const LONGEST_MS = 300_000
const FIRST_BACKOFF_MS = 500

/** A server that is full, not one that fails. */
export function isBusy(httpStatus: number | null): boolean {
  return httpStatus === 429 || httpStatus === 503
}

/**
 * How long a full server asks to be left alone, ms: its Retry-After header (seconds, or an HTTP date), else 0.5 s
 * doubled with every try. Null where that is longer than a run should wait.
 */
export function retryAfterMs(header: string | null, tries: number, nowUnixMs = Date.now()): number | null {
  const backoffMs = FIRST_BACKOFF_MS * 2 ** tries
  const text = header?.trim() ?? ''
  const askedMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowUnixMs
  const waitMs = Number.isNaN(askedMs) ? backoffMs : Math.max(0, askedMs)
  return waitMs > LONGEST_MS ? null : waitMs
}

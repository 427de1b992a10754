import type { ClientRequest } from './model.ts'

/** When each token of a request reached the client, or null if its events do not say how many tokens they carry. */
export function tokenArrivals(request: ClientRequest): Float64Array | null {
  const { events, outputTokens, stopped } = request
  const counted = events.every(({ tokens }) => tokens !== null)
  const total = events.reduce((sum, { tokens }) => sum + (tokens ?? 1), 0)
  // A token that ends the answer may have no event, because it has no text.
  const whole = outputTokens === null || total === outputTokens || (stopped && total === outputTokens - 1)
  if (!whole && !counted) return null
  const arrivals = new Float64Array(total)
  let at = 0
  for (const { tNs, tokens } of events) {
    arrivals.fill(tNs, at, at + (tokens ?? 1))
    at += tokens ?? 1
  }
  return arrivals
}

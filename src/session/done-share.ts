/**
 * Share of a run that is done, 0 to 1: the ended requests, as a share of all that will be offered. `offering` is the
 * share of the offering that is over (by time or by count); null if its end is unknown. Offering alone is not progress:
 * an overloaded server still has its work before it.
 */
export function doneShare(offering: number | null, offered: number, ended: number): number | null {
  if (offering === null) return null
  if (offered === 0) return offering >= 1 ? 1 : 0
  return Math.min(1, offering) * Math.min(1, ended / offered)
}

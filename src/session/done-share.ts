/**
 * Share of a run that is done, 0 to 1: of what the offering will have been once it is over, what has ended. `offering` is the share of the offering that is over
 * (by time or by count); null where it has no end that is known. Offering alone is no progress: an overloaded server has its work still before it.
 */
export function doneShare(offering: number | null, offered: number, ended: number): number | null {
  if (offering === null) return null
  if (offered === 0) return offering >= 1 ? 1 : 0
  return Math.min(1, offering) * Math.min(1, ended / offered)
}

const FIRST_MS = 500
const MOST_MS = 30_000
/** An attempt that lasted this long counts as a success: the next wait is short again. */
const WELL_MS = 30_000

/** Waits between attempts: 0.5 s, doubled each time up to 30 s. */
export class Backoff {
  private waitMs = FIRST_MS
  private timer: NodeJS.Timeout | undefined

  /** Calls `again` after the wait that is due; returns it, ms. `ranMs`: how long the last attempt lasted. */
  next(ranMs: number, again: () => void): number {
    if (ranMs > WELL_MS) this.waitMs = FIRST_MS
    const waitMs = this.waitMs
    this.waitMs = Math.min(MOST_MS, waitMs * 2)
    this.timer = setTimeout(again, waitMs)
    return waitMs
  }

  reset(): void {
    this.waitMs = FIRST_MS
  }

  cancel(): void {
    clearTimeout(this.timer)
  }
}

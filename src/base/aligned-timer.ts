/** A timer that repeats until it is cleared. */
export interface AlignedTimer {
  clear(): void
}

/**
 * Calls `work` at every multiple of `periodMs` of the thread's clock, without keeping the process alive. Timers of one
 * thread then fire together, which saves wake-ups: they cost more than the work itself. A late call is not made up for.
 */
export function everyAligned(periodMs: number, work: () => void): AlignedTimer {
  let timer: NodeJS.Timeout | undefined
  let cleared = false
  const schedule = (): void => {
    timer = setTimeout(
      () => {
        work()
        if (!cleared) schedule()
      },
      untilMultiple(performance.now(), periodMs),
    ).unref()
  }
  schedule()
  return {
    clear() {
      cleared = true
      clearTimeout(timer)
    },
  }
}

/**
 * The time until the next multiple of a period, ms. If that is nearer than a timer can resolve, the one after it is
 * taken.
 */
export function untilMultiple(nowMs: number, periodMs: number): number {
  const left = Math.ceil(periodMs - (nowMs % periodMs))
  return left < 2 ? left + periodMs : left
}

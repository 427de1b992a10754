/** A timer that goes on until it is cleared. */
export interface AlignedTimer {
  clear(): void
}

/**
 * Calls `work` at every multiple of `periodMs` of the thread's clock, and keeps no process alive. Timers of one thread so fall together: what little
 * work costs is waking up for it. A call that comes late is not made up for.
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

/** How long until the next multiple of a period, ms; one that is nearer than a timer can tell is that of now. */
export function untilMultiple(nowMs: number, periodMs: number): number {
  const left = Math.ceil(periodMs - (nowMs % periodMs))
  return left < 2 ? left + periodMs : left
}

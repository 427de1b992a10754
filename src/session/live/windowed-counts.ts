import { LogCounts } from '../../base/log-counts.ts'

/** Parts that a window is made of: it moves on by one of them. */
export const WINDOW_SLOTS = 10

/** Durations counted over all time and over a moving window, in 220 kB each. */
export class WindowedCounts {
  /** What is being recorded into: the part of the window that is not over. */
  readonly now = new LogCounts()
  private readonly closed = new LogCounts()
  private readonly slots = Array.from({ length: WINDOW_SLOTS }, () => new LogCounts())
  private readonly scratch = new LogCounts()
  private next = 0

  /** A part of the window is over. */
  roll(): void {
    const slot = this.slots[this.next] as LogCounts
    this.next = (this.next + 1) % WINDOW_SLOTS
    slot.clear()
    slot.add(this.now)
    this.closed.add(this.now)
    this.now.clear()
  }

  /** All that was recorded; holds until the next call of `total` or `recent`. */
  total(): LogCounts {
    return this.sum([this.closed, this.now])
  }

  /** The window: its whole parts and the one that is not over. */
  recent(): LogCounts {
    return this.sum([...this.slots, this.now])
  }

  private sum(parts: readonly LogCounts[]): LogCounts {
    this.scratch.clear()
    for (const part of parts) this.scratch.add(part)
    return this.scratch
  }
}

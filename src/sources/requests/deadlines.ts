import type { RunClock } from '../../base/time.ts'

const GRAIN_MS = 20

export interface Deadlined {
  /** Its index among the others; Deadlines sets it. */
  slot: number
  /** Called every 20 ms. */
  checkDeadlines(nowNs: number): void
}

/**
 * One coarse timer for the timeouts of all requests; it runs while there are any. An array, not a Set: the tables that
 * a growing Set replaces point to the next one, and once one of them is old, all earlier requests in flight survive
 * young collections.
 */
export class Deadlines<T extends Deadlined> {
  private readonly clock: RunClock
  private readonly flights: T[] = []
  private timer: NodeJS.Timeout | null = null

  constructor(clock: RunClock) {
    this.clock = clock
  }

  get size(): number {
    return this.flights.length
  }

  /** A copy of the current ones, since they come and go during the loop. */
  all(): T[] {
    return [...this.flights]
  }

  add(flight: T): void {
    flight.slot = this.flights.length
    this.flights.push(flight)
    this.timer ??= setInterval(() => {
      const nowNs = this.clock.now()
      // From the end: a removed entry is replaced by one that was already checked.
      for (let i = this.flights.length - 1; i >= 0; i--) this.flights[i]?.checkDeadlines(nowNs)
    }, GRAIN_MS)
  }

  delete(flight: T): void {
    if (this.flights[flight.slot] !== flight) return
    const last = this.flights.pop() as T
    if (last !== flight) {
      this.flights[flight.slot] = last
      last.slot = flight.slot
    }
    if (this.flights.length === 0 && this.timer !== null) {
      clearInterval(this.timer)
      this.timer = null
    }
  }
}

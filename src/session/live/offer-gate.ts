/** Lets a user pause the offering of requests. Requests in flight continue. */
export class OfferGate {
  private readonly now: () => number
  private readonly onPause: (fromNs: number, toNs: number) => void
  private sinceNs = Number.NaN
  private beforeNs = 0
  private waiting: Promise<void> | null = null
  private release: () => void = () => {}

  /** `onPause` is called after each pause. */
  constructor(now: () => number, onPause: (fromNs: number, toNs: number) => void = () => {}) {
    this.now = now
    this.onPause = onPause
  }

  get paused(): boolean {
    return this.waiting !== null
  }

  /** All pauses so far, including the current one: the intended delay of the schedule. */
  get pausedNs(): number {
    return this.beforeNs + (this.paused ? this.now() - this.sinceNs : 0)
  }

  pause(): void {
    if (this.paused) return
    this.sinceNs = this.now()
    this.waiting = new Promise((resolve) => {
      this.release = resolve
    })
  }

  resume(): void {
    if (!this.paused) return
    const endNs = this.now()
    this.beforeNs += endNs - this.sinceNs
    this.waiting = null
    this.onPause(this.sinceNs, endNs)
    this.release()
  }

  /** Resolves when nothing holds the offering; undefined where that is now. */
  opened(): Promise<void> | undefined {
    return this.waiting ?? undefined
  }
}

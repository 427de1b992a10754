import { createHistogram } from 'node:perf_hooks'

/** Something with a next moment. */
export interface Paced {
  /** When it wants to run next, ns on the server's clock. */
  dueNs: number
  /** Runs; returns false when it wants no more. */
  run(nowNs: number): boolean
}

/**
 * Runs what is due, on an absolute schedule, from one timer: a binary heap ordered by due time. What is late is run
 * at once and its lateness recorded, so that a bench can tell whether the server kept its own pace.
 */
export class Pacer {
  private readonly heap: Paced[] = []
  private timer: NodeJS.Timeout | undefined
  private timerDueNs = Number.POSITIVE_INFINITY
  private lateness = createHistogram()
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  add(item: Paced): void {
    this.push(item)
    this.arm()
  }

  /** Lateness of what was run, ns. */
  report(): { runs: number; late_p50_ns: number; late_p99_ns: number; late_max_ns: number } {
    const runs = this.lateness.count
    return {
      runs,
      late_p50_ns: runs === 0 ? 0 : this.lateness.percentile(50),
      late_p99_ns: runs === 0 ? 0 : this.lateness.percentile(99),
      late_max_ns: runs === 0 ? 0 : this.lateness.max,
    }
  }

  reset(): void {
    this.lateness = createHistogram()
  }

  private arm(): void {
    const first = this.heap[0]
    if (first === undefined || first.dueNs >= this.timerDueNs) return
    clearTimeout(this.timer)
    this.timerDueNs = first.dueNs
    this.timer = setTimeout(() => this.fire(), Math.max(0, (first.dueNs - this.now()) / 1e6))
  }

  private fire(): void {
    this.timerDueNs = Number.POSITIVE_INFINITY
    for (let first = this.heap[0]; first !== undefined; first = this.heap[0]) {
      const nowNs = this.now()
      if (first.dueNs > nowNs) break
      this.lateness.record(Math.max(1, Math.round(nowNs - first.dueNs)))
      this.pop()
      if (first.run(nowNs)) this.push(first)
    }
    this.arm()
  }

  private push(item: Paced): void {
    const heap = this.heap
    let at = heap.length
    heap.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.dueNs <= item.dueNs) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = item
  }

  private pop(): void {
    const heap = this.heap
    const item = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.dueNs < heap[child]!.dueNs) child++
      if (heap[child]!.dueNs >= item.dueNs) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = item
  }
}

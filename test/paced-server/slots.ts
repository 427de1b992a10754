import type { Completion } from './completion.ts'

/** Room for so many answers at once, kept as times: when each slot will be free. What is late does not add up. */
export class Slots {
  private freeNs: number[] = []

  /** When an answer that comes now and takes so long begins. */
  take(slots: number, nowNs: number, serviceNs: number): number {
    if (this.freeNs.length !== slots) this.freeNs = new Array<number>(slots).fill(0)
    const first = this.freeNs.indexOf(Math.min(...this.freeNs))
    const startNs = Math.max(nowNs, this.freeNs[first] ?? 0)
    this.freeNs[first] = startNs + serviceNs
    return startNs
  }
}

/** How long a streamed answer takes once it has begun. */
export function serviceNs({ tokens, behaviour: b }: Completion): number {
  const events = Math.ceil(tokens / b.tokens_per_event)
  return (b.ttft_ms + Math.max(0, events - 1) * b.itl_ms) * 1e6
}

/** A later turn of a conversation that has begun. */
export interface PendingTurn {
  readonly tUs: number
  /** Decides between equal times. */
  readonly session: number
}

/** Turns in order of time, of all conversations under way: a binary heap. */
export class PendingTurns<T extends PendingTurn> {
  private readonly heap: T[] = []

  get next(): T | undefined {
    return this.heap[0]
  }

  push(turn: T): void {
    const { heap } = this
    let at = heap.push(turn) - 1
    for (;;) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (at === 0 || parent === undefined || before(parent, turn)) break
      heap[at] = parent
      at = above
    }
    heap[at] = turn
  }

  pop(): T | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      let child = heap[below]
      const other = heap[below + 1]
      if (child !== undefined && other !== undefined && before(other, child)) {
        below++
        child = other
      }
      if (child === undefined || before(last, child)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
    return first
  }
}

function before(a: PendingTurn, b: PendingTurn): boolean {
  return a.tUs < b.tUs || (a.tUs === b.tUs && a.session < b.session)
}

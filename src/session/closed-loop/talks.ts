import type { LookAhead, ReadyRequest } from '../open-loop/look-ahead.ts'

/**
 * Distributes a schedule among users: a conversation belongs to the user that started it, every other request to the
 * user that asks first. If the schedule is still being read, asking waits for it.
 */
export class Talks {
  private readonly ahead: LookAhead
  private readonly mine: ReadyRequest[][]
  private readonly userOf = new Map<string, number>()
  private waiting: (() => void)[] = []

  constructor(ahead: LookAhead, users: number) {
    this.ahead = ahead
    this.mine = Array.from({ length: users }, () => [])
  }

  /** To be called when something lies ready, and at the end. */
  readonly changed = (): void => {
    for (const wake of this.waiting.splice(0)) wake()
  }

  /** The user's next request; null when there is none any more. */
  async next(user: number): Promise<ReadyRequest | null> {
    const mine = this.mine[user] as ReadyRequest[]
    // Conversations come whole, one after the other: a user's conversation is over when its next one starts.
    for (;;) {
      const own = mine.shift()
      if (own !== undefined) return own
      const request = this.ahead.peek()
      if (request === null) {
        if (this.ahead.ended) return null
        await new Promise<void>((resolve) => this.waiting.push(resolve))
        continue
      }
      this.ahead.take()
      const owner = this.ownerOf(request, user)
      if (owner === user) return request
      this.mine[owner]?.push(request)
      this.changed()
    }
  }

  private ownerOf({ arrival: { session } }: ReadyRequest, asking: number): number {
    if (session === null) return asking
    const owner = session.turn === 0 ? undefined : this.userOf.get(session.id)
    if (owner !== undefined) return owner
    for (const [id, user] of this.userOf) if (user === asking) this.userOf.delete(id)
    this.userOf.set(session.id, asking)
    return asking
  }
}

import { Connection, type ConnectionUser, type Wire } from './connection.ts'

/**
 * The connections of a client. The one released last is taken first, so that those no longer needed become idle and the
 * server may close them. With `most` in use, requests wait in a queue.
 */
export class ConnectionPool {
  private readonly wire: Wire
  private readonly most: number
  private readonly idle: Connection[] = []
  private readonly waiting = new Set<ConnectionUser>()
  private open = 0
  private closed = false

  constructor(wire: Wire, most: number) {
    this.wire = wire
    this.most = most
  }

  /** The user gets `opened`, now or later. */
  acquire(user: ConnectionUser): void {
    const connection = this.idle.pop()
    if (connection !== undefined) {
      connection.user = user
      user.opened(connection)
    } else if (this.open >= this.most) this.waiting.add(user)
    else this.connect(user)
  }

  /** A new connection, whatever lies idle. */
  connect(user: ConnectionUser): void {
    this.open++
    user.connecting(new Connection(this.wire, user))
  }

  /** Removes a user from the queue; false if it was not in one. */
  leave(user: ConnectionUser): boolean {
    return this.waiting.delete(user)
  }

  /** Returned by a user whose answer has ended cleanly. */
  release(connection: Connection): void {
    const [next] = this.waiting
    if (next !== undefined) {
      this.waiting.delete(next)
      connection.user = next
      next.opened(connection)
      return
    }
    if (this.closed) {
      connection.destroy()
      this.open--
      return
    }
    connection.user = this.idleUser(connection)
    this.idle.push(connection)
  }

  /** A connection that its user has lost or destroyed. */
  dropped(): void {
    this.open--
    const [next] = this.waiting
    if (next === undefined || this.open >= this.most) return
    this.waiting.delete(next)
    this.connect(next)
  }

  /** Opens `count` connections before they are used; resolves to how many are open. */
  async preconnect(count: number): Promise<number> {
    const opened = Array.from(
      { length: Math.min(count, this.most - this.open) },
      () =>
        new Promise<boolean>((resolve) => {
          this.connect({
            connecting: () => {},
            opened: (connection) => {
              this.release(connection)
              resolve(true)
            },
            received: () => {},
            closed: () => {
              this.dropped()
              resolve(false)
            },
          })
        }),
    )
    return (await Promise.all(opened)).filter(Boolean).length
  }

  /** Closes what lies idle, now and later. */
  close(): void {
    this.closed = true
    for (const connection of this.idle.splice(0)) {
      connection.destroy()
      this.open--
    }
  }

  private idleUser(connection: Connection): ConnectionUser {
    const forget = () => {
      const at = this.idle.indexOf(connection)
      if (at >= 0) this.idle.splice(at, 1)
      this.dropped()
    }
    return {
      connecting: () => {},
      opened: () => {},
      // Data without a request: it would be taken for the next answer.
      received: () => {
        connection.destroy()
        forget()
      },
      closed: forget,
    }
  }
}

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** The addresses of one host: looked up once, kept; the one that answered last is tried first. */
export class Addresses {
  private readonly host: string
  private known: string[] | null
  private asked: Promise<string[]> | null = null

  constructor(host: string) {
    this.host = host
    this.known = isIP(host) === 0 ? null : [host]
  }

  /** Immediate if known; a failed look-up rejects with the system's error, and is tried again the next time. */
  get(): string[] | Promise<string[]> {
    if (this.known !== null) return this.known
    this.asked ??= lookup(this.host, { all: true, verbatim: true }).then(
      (found) => {
        this.known = found.map((entry) => entry.address)
        return this.known
      },
      (error: unknown) => {
        this.asked = null
        throw error
      },
    )
    return this.asked
  }

  answered(address: string): void {
    if (this.known === null || this.known[0] === address) return
    this.known = [address, ...this.known.filter((other) => other !== address)]
  }
}

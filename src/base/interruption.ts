import { abortForMany } from './bounded-wait.ts'
import { EXIT, LayerlineError } from './errors.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** What was begun is tidied up within this; then the process ends all the same. */
const TIDY_MS = 3_000

/**
 * What SIGINT, SIGTERM and SIGHUP do, from the first line of the program on. Who records takes them over and decides how
 * its run ends. Otherwise the command is aborted: waits that heed `signal` throw, the rest is cut off after a moment.
 */
class Interruption {
  private readonly controller = abortForMany()
  private readonly takers: (() => void)[] = []
  private isInstalled = false
  private readonly handler = (): void => {
    const taker = this.takers.at(-1)
    if (taker !== undefined) taker()
    else this.abort()
  }

  /** Aborted by the first signal that nobody has taken over; its reason is `interrupted/signal`. */
  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** To be called once, before anything is started. */
  install(): void {
    if (this.isInstalled) return
    this.isInstalled = true
    for (const signal of SIGNALS) process.on(signal, this.handler)
  }

  /** Hands all further signals to `taker`, until what is returned is called. */
  take(taker: () => void): () => void {
    if (!this.isInstalled && this.takers.length === 0) for (const signal of SIGNALS) process.on(signal, this.handler)
    this.takers.push(taker)
    return () => {
      const at = this.takers.indexOf(taker)
      if (at === -1) return
      this.takers.splice(at, 1)
      if (!this.isInstalled && this.takers.length === 0) for (const signal of SIGNALS) process.off(signal, this.handler)
    }
  }

  private abort(): void {
    // Asked twice: nothing is waited for.
    if (this.signal.aborted) process.exit(EXIT.interrupted)
    this.controller.abort(new LayerlineError('interrupted/signal', 'interrupted'))
    setTimeout(() => process.exit(EXIT.interrupted), TIDY_MS).unref()
  }
}

export const interruption = new Interruption()

import { abortForMany } from './bounded-wait.ts'
import { EXIT, LayerlineError } from './errors.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Taker = (signal: NodeJS.Signals) => void

/**
 * What SIGINT, SIGTERM and SIGHUP do, from the first line of the program on. A recording command takes them over and
 * decides how its run ends. Otherwise the command is aborted: waits that heed `signal` throw, and `main` ends the rest
 * after a moment.
 */
class Interruption {
  private readonly controller = abortForMany()
  private readonly takers: Taker[] = []
  private held = 0
  private isInstalled = false
  private readonly handler = (signal: NodeJS.Signals): void => {
    const taker = this.takers.at(-1)
    if (taker !== undefined) taker(signal)
    else this.abort()
  }

  /** Aborted by the first signal that no command has taken over; its reason is `interrupted/signal`. */
  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** To be called once, before anything is started. */
  install(): void {
    if (this.isInstalled) return
    this.isInstalled = true
    for (const signal of SIGNALS) process.on(signal, this.handler)
  }

  /** Hands all further signals to `taker`, until the returned function is called. */
  take(taker: Taker): () => void {
    if (!this.isInstalled && this.takers.length === 0) for (const signal of SIGNALS) process.on(signal, this.handler)
    this.takers.push(taker)
    return () => {
      const at = this.takers.indexOf(taker)
      if (at === -1) return
      this.takers.splice(at, 1)
      if (!this.isInstalled && this.takers.length === 0) for (const signal of SIGNALS) process.off(signal, this.handler)
    }
  }

  /** Registers something that must be closed before the process ends, such as a run that is to be sealed. */
  hold(): () => void {
    let isHeld = true
    this.held++
    return () => {
      if (isHeld) this.held--
      isHeld = false
    }
  }

  get isHeld(): boolean {
    return this.held > 0
  }

  private abort(): void {
    // The second signal: from here on only a seal is waited for.
    if (this.signal.aborted && !this.isHeld) process.exit(EXIT.interrupted)
    this.controller.abort(new LayerlineError('interrupted/signal', 'interrupted'))
  }
}

export const interruption = new Interruption()

/** Runs `work` when a signal interrupts the command, unless the returned function was called before. */
export function onInterrupt(work: () => void): () => void {
  const { signal } = interruption
  signal.addEventListener('abort', work, { once: true })
  return () => signal.removeEventListener('abort', work)
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** How far a run was asked to end: offer nothing new and drain, or cut off and seal at once. */
export type StopStage = 'running' | 'draining' | 'cut'

/** Ctrl-C once: stop offering. Twice: cut what is in flight. Further ones wait for the seal. */
export class StopSignal {
  stage: StopStage = 'running'
  private readonly listeners: ((stage: StopStage) => void)[] = []
  private readonly handler = () => this.advance()

  /** Listens to the signals until `release`. */
  install(): this {
    for (const signal of SIGNALS) process.on(signal, this.handler)
    return this
  }

  release(): void {
    for (const signal of SIGNALS) process.off(signal, this.handler)
  }

  onChange(listener: (stage: StopStage) => void): void {
    this.listeners.push(listener)
  }

  advance(to: StopStage = this.stage === 'running' ? 'draining' : 'cut'): void {
    if (this.stage === to || this.stage === 'cut') return
    this.stage = to
    for (const listener of this.listeners) listener(to)
  }
}

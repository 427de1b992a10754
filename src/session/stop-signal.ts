import { unlessAborted } from '../base/bounded-wait.ts'
import { LayerlineError } from '../base/errors.ts'
import { interruption } from '../base/interruption.ts'

/** How far a run was asked to end: offer nothing new and drain, or cut off and seal at once. */
export type StopStage = 'running' | 'draining' | 'cut'

/** Ctrl-C once: stop offering. Twice: cut what is in flight. Further ones wait for the seal. */
export class StopSignal {
  stage: StopStage = 'running'
  private readonly listeners: ((stage: StopStage) => void)[] = []
  private letGo: () => void = () => undefined

  /** Takes the signals over until `release`. */
  install(): this {
    this.letGo = interruption.take(() => this.advance())
    return this
  }

  release(): void {
    this.letGo()
  }

  /**
   * What is prepared for a run; throws `interrupted/signal` as soon as the run is to stop, and passes what is ready
   * after that to `giveBack`.
   */
  async unlessStopped<T>(making: Promise<T>, giveBack: (made: T) => unknown = () => undefined): Promise<T> {
    const stopped = new AbortController()
    const onStop = (): void =>
      stopped.abort(new LayerlineError('interrupted/signal', 'interrupted before the run began: nothing was recorded'))
    if (this.stage === 'running') this.onChange(onStop)
    else onStop()
    try {
      return await unlessAborted(making, stopped.signal)
    } catch (error) {
      if (stopped.signal.aborted) making.then(giveBack, () => undefined)
      throw error
    }
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

import { Worker } from 'node:worker_threads'
import { endThread, LATE, type Late, nextEvent } from '../../base/bounded-wait.ts'
import { builtFile } from '../../base/package-files.ts'
import type { RunClock } from '../../base/time.ts'
import { OVER, type PacerData, TURN } from './pacer-thread.ts'

const START_MS = 60_000
const STOP_MS = 5_000

/** A spinning loop takes over this long before the time: most sleeps are late by less. */
const SPIN_NS = 1.5e6
/** A pass of the event loop without events takes less. */
const IDLE_TURN_NS = 100e3

/**
 * Calls back at a time, not before it. A thread of its own sleeps until then: a timer of a busy event loop is late by
 * its grain of 1 ms and more. With `precise` this loop spins through the last 1.5 ms, which costs up to a core.
 */
export class Pacer {
  /** CPU time of pacing, ns; known once it is stopped. Null if the system does not report it. */
  cpuNs: number | null = 0
  private readonly clock: RunClock
  private readonly precise: boolean
  private readonly onDue: () => void
  private readonly thread: Worker
  private readonly signals: Int32Array
  private readonly wakeNs: Float64Array
  private spinning: NodeJS.Immediate | undefined
  private spunNs = 0
  private dueNs = Number.POSITIVE_INFINITY

  private constructor(clock: RunClock, precise: boolean, onDue: () => void) {
    this.clock = clock
    this.precise = precise
    this.onDue = onDue
    this.signals = new Int32Array(new SharedArrayBuffer(8))
    this.wakeNs = new Float64Array(new SharedArrayBuffer(8)).fill(Number.POSITIVE_INFINITY)
    const { epochUnixNs, monotonicBaseNs } = clock
    const data: PacerData = {
      clock: { epochUnixNs, monotonicBaseNs },
      signals: this.signals,
      wakeNs: this.wakeNs,
    }
    this.thread = new Worker(builtFile('src/session/open-loop/pacer-thread'), { workerData: data, execArgv: [] })
  }

  static async start(clock: RunClock, options: { precise: boolean }, onDue: () => void): Promise<Pacer> {
    const pacer = new Pacer(clock, options.precise, onDue)
    if ((await nextEvent(pacer.thread, 'online', START_MS)) === LATE)
      throw new Error('the pacing thread does not start')
    pacer.thread.on('message', () => pacer.woken())
    return pacer
  }

  /** The next time to call back; a later call replaces it. */
  wakeAt(dueNs: number): void {
    if (dueNs === this.dueNs) return
    this.dueNs = dueNs
    if (this.precise && dueNs - this.clock.now() <= SPIN_NS) this.spin()
    else this.sleep(dueNs - (this.precise ? SPIN_NS : 0))
  }

  async stop(): Promise<void> {
    clearImmediate(this.spinning)
    this.thread.removeAllListeners('message')
    const told = this.nextWord()
    Atomics.store(this.signals, OVER, 1)
    this.sleep(Number.POSITIVE_INFINITY)
    let last = await told
    // A wake-up may still have been pending.
    while (last === null) last = await this.nextWord()
    if (last !== LATE) this.cpuNs = last.cpuNs === null ? null : last.cpuNs + this.spunNs
    await endThread(this.thread, 0)
  }

  private async nextWord(): Promise<{ cpuNs: number | null } | null | Late> {
    return (await nextEvent(this.thread, 'message', STOP_MS)) as { cpuNs: number | null } | null | Late
  }

  private sleep(untilNs: number): void {
    this.wakeNs[0] = untilNs
    Atomics.add(this.signals, TURN, 1)
    Atomics.notify(this.signals, TURN)
  }

  private woken(): void {
    if (this.clock.now() >= this.dueNs) this.due()
    else if (this.precise && this.dueNs !== Number.POSITIVE_INFINITY) this.spin()
  }

  private due(): void {
    this.dueNs = Number.POSITIVE_INFINITY
    this.onDue()
  }

  private spin(): void {
    if (this.spinning !== undefined) return
    let before = this.clock.now()
    const look = () => {
      this.spinning = undefined
      const now = this.clock.now()
      // A longer pass did other work, which is not a cost of pacing.
      if (now - before < IDLE_TURN_NS) this.spunNs += now - before
      before = now
      if (now >= this.dueNs) this.due()
      else if (this.dueNs - now <= SPIN_NS) this.spinning = setImmediate(look)
    }
    this.spinning = setImmediate(look)
  }
}

const IDLE = 0
const BUSY = 1
const OVER = 2
/** The process ends all the same when the thread is stuck for so long. */
const LONGEST_WAIT_MS = 2000

/**
 * Between the store thread and the end of the process. A thread that is torn down inside the database's native code
 * takes the whole process with it (SIGABRT), and with it the exit code and what a crash had to say: so the thread works
 * in turns, and at its exit the process waits for the one that runs and lets no other begin.
 */
export class NativeTurn {
  readonly shared: SharedArrayBuffer
  private readonly state: Int32Array

  constructor(shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.shared = shared
    this.state = new Int32Array(shared)
  }

  /** In the store thread. Does not return once the process is over. */
  async take(work: () => Promise<void>): Promise<void> {
    if (Atomics.compareExchange(this.state, 0, IDLE, BUSY) === OVER) Atomics.wait(this.state, 0, OVER)
    try {
      await work()
    } finally {
      Atomics.compareExchange(this.state, 0, BUSY, IDLE)
      Atomics.notify(this.state, 0)
    }
  }

  /** In the thread that ends the process, as it exits. */
  readonly end = (): void => {
    const until = performance.now() + LONGEST_WAIT_MS
    while (Atomics.compareExchange(this.state, 0, IDLE, OVER) === BUSY) {
      const leftMs = until - performance.now()
      if (leftMs <= 0 || Atomics.wait(this.state, 0, BUSY, leftMs) === 'timed-out') return
    }
  }
}

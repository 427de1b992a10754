const IDLE = 0
const BUSY = 1
const OVER = 2
/** The process ends after this long even if the thread is stuck. */
const LONGEST_WAIT_MS = 2000

/**
 * Coordinates the store thread with the end of the process. Tearing down a thread inside the database's native code
 * aborts the whole process (SIGABRT), and the exit code and the crash message are lost. So the thread takes this lock
 * around native calls; at exit the process waits for the current call and lets no other start.
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

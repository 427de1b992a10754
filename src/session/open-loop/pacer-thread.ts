import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { type ClockBase, createRunClock } from '../../base/time.ts'

/** What the pacing thread shares with the one that offers. */
export interface PacerData {
  readonly clock: ClockBase
  /** `TURN` grows with every change; `OVER` is 1 when the thread is to end. */
  readonly signals: Int32Array
  /** When to wake, ns since the run's epoch; infinite: no more for now. */
  readonly wakeNs: Float64Array
}

export const TURN = 0
export const OVER = 1

/** Sleeps until each time it is given and reports it; ends with the CPU time it took, ns. */
function pace({ clock: base, signals, wakeNs }: PacerData, wake: () => void): number | null {
  const clock = createRunClock(base)
  while (Atomics.load(signals, OVER) === 0) {
    const turn = Atomics.load(signals, TURN)
    const waitMs = ((wakeNs[0] as number) - clock.now()) / 1e6
    if (waitMs <= 0) {
      wake()
      Atomics.wait(signals, TURN, turn)
    } else Atomics.wait(signals, TURN, turn, waitMs)
  }
  return threadCpuNs()
}

function threadCpuNs(): number | null {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0])
  } catch {
    return null
  }
}

if (parentPort !== null) {
  const port = parentPort
  port.postMessage({ cpuNs: pace(workerData as PacerData, () => port.postMessage(null)) })
}

import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { Harm } from './injector.ts'

/** Busy loops for each core. */
const LOOPS = 3

/** Programs that take every core, stopped in between. */
export const cpuHog: Harm = {
  name: 'CPU hog',
  cause: 'cpu_wait',
  engine: 'llamacpp',
  leastMs: 600,
  pauseMs: 1000,
  tailMs: 30,
  async prepare({ url }) {
    const loops = Array.from({ length: LOOPS * availableParallelism() }, () =>
      spawn('sh', ['-c', 'kill -STOP $$; while :; do :; done'], { stdio: 'ignore' }),
    )
    const all = (signal: NodeJS.Signals) => {
      for (const loop of loops) loop.kill(signal)
    }
    return { url, begin: () => all('SIGCONT'), end: () => all('SIGSTOP'), close: () => all('SIGKILL') }
  },
}

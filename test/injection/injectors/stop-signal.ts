import type { Harm } from './injector.ts'

/** SIGSTOP, as a debugger, a terminal or a freezer gives it. */
export const stopSignal: Harm = {
  name: 'SIGSTOP',
  cause: 'stopped',
  engine: 'llamacpp',
  leastMs: 400,
  pauseMs: 800,
  tailMs: 5,
  async prepare({ pid, url }) {
    const go = () => void process.kill(pid, 'SIGCONT')
    return { url, begin: () => void process.kill(pid, 'SIGSTOP'), end: go, close: go }
  },
}

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { errorText } from '../../../src/base/errors.ts'
import type { Harm } from './injector.ts'

const run = promisify(execFile)
/** The kernel sends what was lost again, each time after twice as long: from 200 ms on. */
const AGAIN_MS = 1500

/** The loopback loses every packet for a while: by the kernel's own `netem`, where it has it. All programs on it feel this. */
export const lostPackets: Harm = {
  name: 'lost packets (netem)',
  cause: 'delivery',
  engine: 'llamacpp',
  leastMs: 200,
  pauseMs: 3000,
  tailMs: AGAIN_MS,
  async prepare({ url }) {
    // Tried in a separate namespace, so that a kernel without it reports that before anything is changed.
    try {
      await run('unshare', ['--net', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'loss', '0%'])
    } catch (error) {
      const said = (error as { stderr?: string }).stderr?.trim().split('\n').at(-1) ?? ''
      throw new Error(`tc cannot do it here: ${said === '' ? errorText(error) : said}`)
    }
    const lose = async (verb: string, share: string) => {
      await run('tc', ['qdisc', verb, 'dev', 'lo', 'root', 'netem', 'loss', share])
    }
    await lose('add', '0%')
    return {
      url,
      begin: () => lose('change', '100%'),
      end: () => lose('change', '0%'),
      close: async () => void (await run('tc', ['qdisc', 'del', 'dev', 'lo', 'root'])),
    }
  },
}

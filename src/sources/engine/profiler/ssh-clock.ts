import { LayerlineError } from '../../../base/errors.ts'
import { interruption } from '../../../base/interruption.ts'
import { SshConnection } from '../../ssh/ssh-connection.ts'
import { sshName } from '../../ssh/ssh-errors.ts'
import type { SshTarget } from '../../ssh/ssh-target.ts'
import type { ProfileClock } from './profiler.ts'

const NOBODY = { output: () => undefined, samplerEnded: () => undefined }

/** The Unix clock of another machine, with a new connection each time: a permanent one would be idle during the run. */
export function sshClock(target: SshTarget): ProfileClock {
  const where = `ssh://${sshName(target)}`
  const name = `${where} unix`
  return {
    name,
    async measure(context) {
      const { connection } = await SshConnection.connect(target, null, interruption.signal)
      try {
        await connection.run(null, NOBODY)
        const fix = await connection.probeClock(context.clock)
        if (fix === null) throw new LayerlineError('unreachable/ssh-silent', `${where}: it did not tell its time`)
        return fix
      } finally {
        await connection.close()
      }
    },
  }
}

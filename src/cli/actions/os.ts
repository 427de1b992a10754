import { LayerlineError } from '../../base/errors.ts'
import type { Run } from '../command.ts'
import type { osCommand } from '../commands/os.ts'
import { listProbes } from '../os/list-probes.ts'
import { attachOs, noCommand, runOs } from '../os/run-os.ts'
import { runSimulation } from '../os/simulation.ts'

export const runOsCommand: Run<typeof osCommand> = async ({ arguments: [action, ...rest], options }) => {
  const command = rest.filter((word) => word !== undefined)
  if (action !== 'run' && command.length > 0) {
    throw new LayerlineError('usage/arguments', `os ${action}: takes no command, found ${command[0]}`)
  }
  if (action === 'list') return listProbes(options)
  if (action === 'attach') return attachOs(options)
  if (options.simulate) {
    if (command.length > 0) throw new LayerlineError('usage/arguments', 'os run: expected --simulate or a command')
    return runSimulation(options)
  }
  if (command.length === 0) throw noCommand()
  return runOs(command, options)
}

import { nearestName } from '../config/nearest-name.ts'
import type { CommandSpec } from './command.ts'
import { allCommands } from './commands.ts'

/** What to write in place of an option that a command does not have: its nearest own one, or the command that has it. */
export async function unknownOptionHint(option: string, command: string | undefined): Promise<string | null> {
  const all = await allCommands()
  const own = all.find(({ name }) => name === command)
  const having = (name: string) => all.filter(({ options }) => options.some((each) => each === name))
  const elsewhere = having(option).map(({ name }) => name)
  if (elsewhere.length > 0) return `--${option} is an option of ${elsewhere.join(', ')}`
  const near = own === undefined ? null : nearestName(option, namesOf(own))
  if (near !== null) return `Did you mean --${near}?`
  const far = nearestName(option, [...new Set(all.flatMap(namesOf))])
  return far === null
    ? null
    : `Did you mean --${far}, an option of ${having(far)
        .map(({ name }) => name)
        .join(', ')}?`
}

function namesOf({ options, overrides }: CommandSpec): string[] {
  return [...options, ...Object.values(overrides ?? {}).flatMap(({ alias }) => alias ?? [])]
}

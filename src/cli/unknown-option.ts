import { nearestName } from '../config/nearest-name.ts'
import type { CommandSpec } from './command.ts'
import { COMMANDS } from './commands.ts'

/** What to write in place of an option that a command does not have: its nearest own one, or the command that has it. */
export function unknownOptionHint(option: string, command: string | undefined): string | null {
  const own = COMMANDS.find(({ name }) => name === command)
  const having = (name: string) => COMMANDS.filter(({ options }) => options.some((each) => each === name))
  const elsewhere = having(option).map(({ name }) => name)
  if (elsewhere.length > 0) return `--${option} is an option of ${elsewhere.join(', ')}`
  const near = own === undefined ? null : nearestName(option, namesOf(own))
  if (near !== null) return `Did you mean --${near}?`
  const far = nearestName(option, [...new Set(COMMANDS.flatMap(namesOf))])
  return far === null
    ? null
    : `Did you mean --${far}, an option of ${having(far)
        .map(({ name }) => name)
        .join(', ')}?`
}

function namesOf({ options, overrides }: CommandSpec): string[] {
  return [...options, ...Object.values(overrides ?? {}).flatMap(({ alias }) => alias ?? [])]
}

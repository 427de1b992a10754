import type { OptionSpec } from './options/option-spec.ts'
import type { OptionName, OptionValues } from './options.ts'

export interface ArgumentSpec {
  readonly name: string
  readonly doc: string
  readonly optional?: boolean
  /** All words that are left. */
  readonly variadic?: boolean
  readonly choices?: readonly string[]
}

/** A command: its words for the help and docs, which load nothing of what it does. One file each in commands/. */
export interface CommandSpec {
  readonly name: string
  /** One line for the list of commands: a verb, what it does. */
  readonly summary: string
  /** A few sentences for its help and its page; plain text. */
  readonly about: string
  readonly arguments: readonly ArgumentSpec[]
  readonly options: readonly OptionName[]
  /** Of these the ones that most calls need: first in the help. */
  readonly common?: readonly OptionName[]
  /** Options that mean something else here than in the table. */
  readonly overrides?: Partial<Record<OptionName, Partial<OptionSpec>>>
  readonly required?: readonly OptionName[]
  /** It records a run, which is sealed even when its output has no reader any more. */
  readonly records?: true
  readonly examples: readonly { readonly line: string; readonly what: string }[]
}

export interface Invocation {
  readonly arguments: readonly (string | undefined)[]
  readonly options: OptionValues
}

/** What a command does, in actions/: resolves with the exit code, one of EXIT, or that of a command it ran. */
export type Run<S extends CommandSpec = CommandSpec> = (invocation: {
  arguments: readonly (string | undefined)[]
  options: OptionValues<S['options'][number]>
}) => Promise<number>

/** Keeps which options a command has: its `run` may read no others. */
export function defineCommand<const N extends readonly OptionName[]>(
  spec: CommandSpec & { readonly options: N },
): CommandSpec & { readonly options: N } {
  return spec
}

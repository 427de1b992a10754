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

/** A command: its words for the help and docs, and what it does. One file each in commands/. */
export interface CommandSpec {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  /** Some sentences for its page; plain text. */
  readonly about: string
  readonly arguments: readonly ArgumentSpec[]
  readonly options: readonly OptionName[]
  /** Options that mean something else here than in the table. */
  readonly overrides?: Partial<Record<OptionName, Partial<OptionSpec>>>
  readonly required?: readonly OptionName[]
  /** It records a run, which is sealed even when nobody reads its output any more. */
  readonly records?: true
  readonly examples: readonly { readonly line: string; readonly what: string }[]
  /** Resolves with the exit code: one of EXIT, or that of a command it ran. */
  readonly run: (invocation: Invocation) => Promise<number>
}

export interface Invocation {
  readonly arguments: readonly (string | undefined)[]
  readonly options: OptionValues
}

/** Ties a command's options to what its `run` may read. */
export function defineCommand<const N extends readonly OptionName[]>(
  spec: Omit<CommandSpec, 'options' | 'run'> & {
    readonly options: N
    readonly run: (invocation: {
      arguments: readonly (string | undefined)[]
      options: OptionValues<N[number]>
    }) => Promise<number>
  },
): CommandSpec {
  return spec as unknown as CommandSpec
}

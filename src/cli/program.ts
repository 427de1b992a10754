import { Argument, Command, CommanderError, Option } from 'commander'
import { EXIT, LayerlineError } from '../base/errors.ts'
import { VERSION } from '../base/version.ts'
import type { CommandSpec } from './command.ts'
import { COMMANDS, commandNamed } from './commands.ts'
import { HELP_LAYOUT, helpColumns, helpEnd, helpStart } from './help-text.ts'
import { withoutAliases } from './option-aliases.ts'
import { groupedOptions } from './options/help-groups.ts'
import type { OptionSpec } from './options/option-spec.ts'
import { OPTIONS, type OptionName, type OptionValues } from './options.ts'
import { toOption } from './parse-values.ts'
import { unknownOptionHint } from './unknown-option.ts'

export { commandNamed }

const START = `
Examples:
  layerline demo                             a first run, without server or GPU
  layerline trace --prompts FILE --url URL   record every token of a server
  layerline load --rate 4 --duration 60 --url URL
  layerline report RUN                       what happened, and how reliable it is

layerline COMMAND --help describes a command.`

/** Parses a command line and runs its command; returns the exit code. */
export async function runProgram(given: readonly string[]): Promise<number> {
  const named = commandNamed(given[0])
  const argv = withoutAliases(given, named?.spec)
  let exit: number = EXIT.done
  const program = new Command('layerline')
    .description(
      'Records LLM inference, from the request down to the kernel, on one timeline, and tells whether the figures can be trusted.',
    )
    .version(VERSION, '-V, --version', 'show the version')
    .configureHelp({
      ...HELP_LAYOUT,
      helpWidth: helpColumns(process.stdout.columns),
      subcommandTerm: (command) => command.name(),
    })
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .addHelpText('after', START)
  for (const spec of named === undefined ? COMMANDS : [named.spec]) {
    program.addCommand(
      buildCommand(spec, async (positional, options) => {
        const run = await commandNamed(spec.name)?.load()
        exit = (await run?.({ arguments: positional, options })) ?? EXIT.internal
      }),
    )
  }
  if (argv.length === 0) {
    process.stdout.write(program.helpInformation())
    process.stdout.write(`${START}\n`)
    return EXIT.done
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return EXIT.done
    throw usageError(error, argv)
  }
  return exit
}

/** A value after `=` of an option that does not exist may be a key: it is not shown. */
function usageError(error: CommanderError, argv: readonly string[]): LayerlineError {
  const message = error.message.replace(/^error: /, '').replace(/^(unknown option '[^'=]*)=[^\n]*'/, "$1'")
  const [, unknown] = /^unknown option '--([\w-]+)/.exec(message) ?? []
  const named = unknown === undefined ? null : unknownOptionHint(unknown, argv[0])
  const hint = /^unknown option '--(api-)?(key|token)'/.test(message)
    ? 'no key is taken from the command line, where others can read it: --api-key-file, or LAYERLINE_API_KEY in the environment'
    : (named ?? helpHint(argv))
  return new LayerlineError('usage/arguments', unknown === undefined ? message : `unknown option '--${unknown}'`, {
    hint,
  })
}

function helpHint([name]: readonly string[]): string {
  return `layerline ${commandNamed(name) === undefined ? '' : `${name} `}--help`
}

function buildCommand(
  spec: CommandSpec,
  run: (positional: readonly (string | undefined)[], options: OptionValues) => Promise<void>,
): Command {
  const columns = helpColumns(process.stdout.columns)
  const command = new Command(spec.name)
    .summary(spec.summary)
    .configureHelp({ ...HELP_LAYOUT, helpWidth: columns })
    .exitOverride()
    .configureOutput({ outputError: () => {} })
  for (const argument of spec.arguments) {
    const name = argument.variadic ? `${argument.name}...` : argument.name
    const made = new Argument(argument.optional ? `[${name}]` : `<${name}>`, argument.doc)
    command.addArgument(argument.choices === undefined ? made : made.choices([...argument.choices]))
  }
  const groups = groupedOptions(spec)
  for (const { title, options } of groups) {
    for (const name of options) command.addOption(toOption(name, optionOf(spec, name)).helpGroup(`${title}:`))
  }
  const help = groups.at(-1)?.title ?? 'Options'
  command.addHelpOption(new Option('-h, --help', 'show this help').helpGroup(`${help}:`))
  command.addHelpText('before', helpStart(spec, columns))
  command.addHelpText('after', helpEnd(spec))
  command.action(async (...given: unknown[]) => {
    const positional = given.slice(0, spec.arguments.length).flat() as (string | undefined)[]
    const options = valuesOf(command, spec)
    for (const name of spec.required ?? []) {
      if (options[name] === undefined) {
        throw new LayerlineError('usage/arguments', `missing --${name}: ${optionOf(spec, name).doc}`, {
          hint: `layerline ${spec.name} --help`,
        })
      }
    }
    await run(positional, options)
  })
  return command
}

/** The option as this command means it. */
export function optionOf(spec: CommandSpec, name: OptionName): OptionSpec {
  return { ...OPTIONS[name], ...spec.overrides?.[name] }
}

function valuesOf(command: Command, spec: CommandSpec): OptionValues {
  const values: Record<string, unknown> = {}
  for (const option of command.options) {
    const name = option.long?.slice(2) ?? ''
    const value: unknown = command.getOptionValue(option.attributeName())
    // commander turns `--no-x` into x: false; here a switch is true when it was given.
    values[name] =
      optionOf(spec, name as OptionName).kind === 'switch' ? (option.negate ? value === false : value === true) : value
  }
  return values as OptionValues
}

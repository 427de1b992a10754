import { InvalidArgumentError, Option } from 'commander'
import { parseSeconds } from '../base/duration-text.ts'
import type { OptionSpec } from './options/option-spec.ts'

/** Timers hold 31 bits of milliseconds; one that is asked for more fires at once. */
const MOST_SECONDS = Math.floor((2 ** 31 - 1) / 1000)

/** The commander option of one row of the table. */
export function toOption(name: string, spec: OptionSpec): Option {
  const option = new Option(flagOf(name, spec), describe(spec))
  if (spec.preset !== undefined) option.preset(spec.preset)
  if (spec.choices !== undefined) option.choices([...spec.choices])
  else if (spec.kind === 'many') option.argParser((text: string, before?: string[]) => [...(before ?? []), text])
  else if (spec.kind !== 'switch' && spec.kind !== 'text') option.argParser((text: string) => parseValue(text, spec))
  return option
}

/** `--name`, `--name <VALUE>`, or `--name [VALUE]` if the value may be omitted. */
function flagOf(name: string, { value, preset }: OptionSpec): string {
  if (value === undefined) return `--${name}`
  return preset === undefined ? `--${name} <${value}>` : `--${name} [${value}]`
}

/** The text after an option in help and docs. */
export function describe(spec: OptionSpec): string {
  const named = spec.choices === undefined || spec.value === spec.choices.join('|') || spec.choices.length === 1
  const choices = named ? '' : `: ${spec.choices.join(', ')}`
  const doc = `${spec.doc}${choices}${spec.alias === undefined ? '' : `; also --${spec.alias}`}`
  return spec.default === undefined ? doc : `${doc} (default: ${spec.default})`
}

function parseValue(text: string, spec: OptionSpec): number | string[] {
  if (spec.kind === 'list') {
    const parts = text.split(',').map((part) => part.trim())
    if (parts.some((part) => part === '')) throw new InvalidArgumentError('expected values between commas, like 64,128')
    return parts
  }
  const value = spec.kind === 'seconds' ? parseSeconds(text) : Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new InvalidArgumentError(
      spec.kind === 'seconds' ? 'expected a duration, as 5, 5s, 500ms or 10m' : 'expected a number',
    )
  }
  if (spec.kind === 'integer' && !Number.isSafeInteger(value)) throw new InvalidArgumentError('expected a whole number')
  if (spec.min !== undefined && value < spec.min) throw new InvalidArgumentError(`expected at least ${spec.min}`)
  const max = spec.max ?? (spec.kind === 'seconds' ? MOST_SECONDS : undefined)
  if (max !== undefined && value > max) throw new InvalidArgumentError(`expected at most ${max}`)
  return value
}

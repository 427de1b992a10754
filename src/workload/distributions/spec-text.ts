import { LayerlineError } from '../../base/errors.ts'

/** One value of a text like `burst:10,5s` or `burst:size=10,interval=5s`; its key is its name. */
export interface Field {
  readonly kind: 'number' | 'integer' | 'seconds' | 'text'
  readonly min?: number
  readonly max?: number
  /** Must be more than it. */
  readonly above?: number
  readonly optional?: true
  /** Only as `name=value`. */
  readonly named?: true
}
export type Fields = Readonly<Record<string, Field>>
type ValueOf<F extends Field> = F['kind'] extends 'text' ? string : number
export type FieldValues<F extends Fields> = {
  readonly [K in keyof F]: ValueOf<F[K]> | (F[K] extends { optional: true } ? undefined : never)
}

/** A text and what to say of it where it is wrong. */
export interface SpecText {
  /** `--arrival` and the like. */
  readonly option: string
  readonly text: string
  readonly syntax?: string
}

const UNITS_S: Readonly<Record<string, number>> = { us: 1e-6, ms: 1e-3, s: 1, m: 60, min: 60, h: 3600 }

/** `250ms`, `5s`, `2m`, `1h`, or plain seconds; null where it is none. */
export function secondsOf(text: string): number | null {
  const [, digits, unit] = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z]*)$/i.exec(text.trim()) ?? []
  const factor = unit === '' ? 1 : UNITS_S[unit ?? '?']
  return digits === undefined || factor === undefined ? null : Number(digits) * factor
}

/** The name before the first colon, and the rest. */
export function splitSpec(text: string): { name: string; rest: string } {
  const colon = text.indexOf(':')
  return colon < 0
    ? { name: text.trim(), rest: '' }
    : { name: text.slice(0, colon).trim(), rest: text.slice(colon + 1).trim() }
}

/** Throws `usage/spec`: what is wrong with the text, and its syntax. */
export function badSpec(spec: SpecText, what: string): LayerlineError {
  return new LayerlineError('usage/spec', `${spec.option} ${spec.text}: ${what}`, {
    ...(spec.syntax === undefined ? {} : { hint: `write it as ${spec.syntax}` }),
  })
}

/** Values between commas, by place in the order of `fields` or by name. Throws `usage/spec`. */
export function readFields<const F extends Fields>(spec: SpecText, rest: string, fields: F): FieldValues<F> {
  const values: Record<string, string | number> = {}
  const positional = Object.keys(fields).filter((name) => fields[name]?.named !== true)
  let place = 0
  for (const part of rest === '' ? [] : rest.split(',')) {
    const equals = part.indexOf('=')
    const name = equals < 0 ? positional[place++] : part.slice(0, equals).trim().toLowerCase()
    if (name === undefined) throw badSpec(spec, `more than the ${positional.length} values that have a place`)
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field === undefined)
      throw badSpec(spec, `no \`${name}\` here; there is ${Object.keys(fields).join(', ') || 'nothing'}`)
    if (Object.hasOwn(values, name)) throw badSpec(spec, `\`${name}\` is given twice`)
    values[name] = fieldValue(spec, name, field, part.slice(equals + 1).trim())
  }
  for (const [name, field] of Object.entries(fields)) {
    if (!field.optional && !Object.hasOwn(values, name)) throw badSpec(spec, `\`${name}\` is missing`)
  }
  return values as FieldValues<F>
}

function fieldValue(spec: SpecText, name: string, field: Field, text: string): string | number {
  if (text === '') throw badSpec(spec, `${name} is empty`)
  if (field.kind === 'text') return text
  const value = field.kind === 'seconds' ? secondsOf(text) : Number(text)
  if (value === null || !Number.isFinite(value)) {
    throw badSpec(
      spec,
      `${name}: expected ${field.kind === 'seconds' ? 'a duration like 500ms or 5s' : 'a number'}, found ${text}`,
    )
  }
  if (field.kind === 'integer' && !Number.isSafeInteger(value)) {
    throw badSpec(spec, `${name}: expected a whole number, found ${text}`)
  }
  const { min, max, above } = field
  if (above !== undefined && value <= above) throw badSpec(spec, `${name}: expected more than ${above}, found ${text}`)
  if (min !== undefined && value < min) throw badSpec(spec, `${name}: expected at least ${min}, found ${text}`)
  if (max !== undefined && value > max) throw badSpec(spec, `${name}: expected at most ${max}, found ${text}`)
  return value
}

import type { RandomStream } from '../../base/random-stream.ts'
import { type Fields, type FieldValues, readFields, type SpecText } from './spec-text.ts'

/** A number drawn at random: a count of tokens, or seconds. */
export interface Distribution {
  readonly name: string
  /** All its parameters; recorded. */
  readonly parameters: Readonly<Record<string, number>>
  /** Infinity where it has none. */
  readonly mean: number
  draw(random: RandomStream): number
}

/** A distribution that `--input-tokens`, `--output-tokens`, `--turns` and `--think-time` can name. */
export interface DistributionKind {
  readonly syntax: string
  readonly doc: string
  /** `min` and `max` clip what is drawn; undefined where they are not given. `unit` says how values are written. */
  read(spec: SpecText, rest: string, unit: DrawUnit): { distribution: Distribution; min?: number; max?: number }
}

/** Counts are rounded by who draws them. */
export type DrawUnit = 'count' | 'seconds'

const CLIP = {
  min: { kind: 'number', optional: true, named: true },
  max: { kind: 'number', optional: true, named: true },
} as const

/** Fields of kind `number` are read as durations where seconds are drawn, but for those in `pure`. */
export function distributionKind<const F extends Fields>(kind: {
  syntax: string
  doc: string
  fields: F
  /** Names of fields that are no count and no duration: shapes. */
  pure?: readonly (keyof F & string)[]
  make: (values: FieldValues<F>, unit: DrawUnit, spec: SpecText) => Distribution
}): DistributionKind {
  return {
    syntax: kind.syntax,
    doc: kind.doc,
    read(spec, rest, unit) {
      const all: Fields = { ...kind.fields, ...CLIP }
      const named = Object.entries(all).map(([name, field]) => [
        name,
        unit === 'seconds' && !kind.pure?.includes(name) ? { ...field, kind: 'seconds' as const } : field,
      ])
      const values = readFields(spec, rest, Object.fromEntries(named) as F & typeof CLIP)
      const { min, max } = values as { min?: number; max?: number }
      return {
        distribution: kind.make(values as FieldValues<F>, unit, spec),
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
      }
    },
  }
}

import type { RandomStream } from '../../base/random-stream.ts'
import type { Distribution, DrawUnit } from './distribution-kind.ts'
import { DISTRIBUTIONS } from './distributions.ts'
import { badSpec, secondsOf, splitSpec } from './spec-text.ts'

/** A distribution cut off at both ends: what lies beyond becomes the bound, and can be counted. */
export interface BoundedDraw {
  readonly distribution: Distribution
  readonly min: number
  readonly max: number
  /** As the distribution has it, a count rounded. */
  raw(random: RandomStream): number
  /** Recorded. */
  readonly provenance: Readonly<Record<string, unknown>>
}

/** Bounds where the text gives none. */
export interface Bounds {
  readonly min: number
  readonly max: number
}

/** Reads `512`, `uniform:10,100`, `lognormal:mean=800,sd=600,max=4000`, or `2s` where seconds are drawn. Throws `usage/spec`. */
export function parseDraw(option: string, text: string, unit: DrawUnit, bounds: Bounds): BoundedDraw {
  const { name, rest } = splitSpec(text)
  const bare = unit === 'seconds' ? secondsOf(text) : text.trim() === '' ? null : Number(text)
  const isNumber = bare !== null && !Number.isNaN(bare)
  const known = isNumber ? 'const' : name
  const kind = Object.hasOwn(DISTRIBUTIONS, known) ? DISTRIBUTIONS[known as keyof typeof DISTRIBUTIONS] : undefined
  if (kind === undefined) {
    throw badSpec(
      { option, text },
      `no such distribution; there is ${Object.keys(DISTRIBUTIONS).join(', ')}, or just a number`,
    )
  }
  const spec = { option, text, syntax: kind.syntax }
  const read = kind.read(spec, isNumber ? text.trim() : rest, unit)
  const { distribution } = read
  const { min, max } = { ...bounds, ...read }
  if (min < bounds.min || max > bounds.max) throw badSpec(spec, `bounds beyond ${bounds.min} to ${bounds.max}`)
  if (min > max) throw badSpec(spec, `min ${min} is more than max ${max}`)
  if (unit === 'count' && !(Number.isInteger(min) && Number.isInteger(max))) throw badSpec(spec, 'bounds must be whole')
  if (distribution.name === 'const' && (distribution.mean < min || distribution.mean > max)) {
    throw badSpec(spec, `expected ${min} to ${max}`)
  }
  if (unit === 'count' && distribution.name === 'const' && !Number.isInteger(distribution.mean)) {
    throw badSpec(spec, 'expected a whole number')
  }
  const raw = (random: RandomStream) => distribution.draw(random)
  return {
    distribution,
    min,
    max,
    raw: unit === 'count' ? (random) => Math.round(raw(random)) : raw,
    provenance: { distribution: distribution.name, ...distribution.parameters, min, max },
  }
}

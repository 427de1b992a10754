import { LayerlineError } from '../../base/errors.ts'
import { badSpec, type Fields, type FieldValues, readFields, type SpecText } from '../distributions/spec-text.ts'
import type { ArrivalProcess } from './arrival-process.ts'

/** A process that `--arrival` can name. */
export interface ProcessKind {
  readonly syntax: string
  /** For help and docs, a clause. */
  readonly doc: string
  /** `rest` is the text after the colon; `rate` is that of `--rate`, or null. */
  read(spec: SpecText, rest: string, rate: number | null): ArrivalProcess
}

/** A process whose values are named fields. `make` gets the rate where the process has no rate of its own. */
export function processKind<const F extends Fields>(kind: {
  syntax: string
  doc: string
  fields: F
  /** Whether the values alone determine how many requests come; default: never. */
  ownRate?: (values: FieldValues<F>) => boolean
  make: (values: FieldValues<F>, rate: number, spec: SpecText) => ArrivalProcess
}): ProcessKind {
  return {
    syntax: kind.syntax,
    doc: kind.doc,
    read(spec, rest, rate) {
      const values = readFields(spec, rest, kind.fields)
      if (kind.ownRate?.(values) !== true) return kind.make(values, neededRate(spec, rate), spec)
      refuseRate(spec, rate)
      return kind.make(values, Number.NaN, spec)
    },
  }
}

/** Throws `usage/rate` where there is none. */
function neededRate(spec: SpecText, rate: number | null): number {
  if (rate !== null && rate > 0 && Number.isFinite(rate)) return rate
  throw new LayerlineError(
    'usage/rate',
    rate === null ? `${spec.option} ${spec.text}: no --rate` : `--rate ${rate}: expected more than 0`,
    { hint: 'give --rate, requests per second' },
  )
}

/** Throws `usage/spec` where a rate is given beside a process that has its own. */
export function refuseRate(spec: SpecText, rate: number | null): void {
  if (rate !== null) throw badSpec(spec, `says by itself how many requests come; leave --rate ${rate} out`)
}

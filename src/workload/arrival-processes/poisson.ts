import { exponential } from '../distributions/variates.ts'
import { renewal } from './arrival-process.ts'
import { processKind } from './process-kind.ts'

/** Exponential gaps of mean 1 / rate: independent users. */
export const poisson = processKind({
  syntax: 'poisson',
  doc: 'independent of each other: exponential gaps',
  fields: {},
  make: (_, rate) => ({
    name: 'poisson',
    parameters: { rate },
    meanRate: rate,
    start: renewal((random) => (exponential(random) * 1e6) / rate),
  }),
})

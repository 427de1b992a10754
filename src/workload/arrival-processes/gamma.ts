import { gamma as gammaVariate } from '../distributions/variates.ts'
import { renewal } from './arrival-process.ts'
import { processKind } from './process-kind.ts'

/** Gamma gaps: shape 1 / CV^2, mean 1 / rate. CV 1 is poisson, above it comes in clumps, below it is more even. */
export const gamma = processKind({
  syntax: 'gamma:CV',
  doc: 'gamma gaps of this coefficient of variation (1: poisson, more: clumps)',
  fields: { cv: { kind: 'number', min: 0.01, max: 20 } },
  make: ({ cv }, rate) => {
    const shape = 1 / (cv * cv)
    const scaleUs = 1e6 / (rate * shape)
    return {
      name: 'gamma',
      parameters: { rate, cv },
      meanRate: rate,
      start: renewal((random) => gammaVariate(random, shape) * scaleUs),
    }
  },
})

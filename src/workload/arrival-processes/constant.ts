import { processKind } from './process-kind.ts'

/** Arrival k at k / rate, the first at 0. */
export const constant = processKind({
  syntax: 'constant',
  doc: 'one every 1/RATE seconds, exactly',
  fields: {},
  make: (_, rate) => ({
    name: 'constant',
    parameters: { rate },
    meanRate: rate,
    start: () => {
      let k = 0
      // Not a sum of gaps: its error would grow.
      return () => (k++ * 1e6) / rate
    },
  }),
})

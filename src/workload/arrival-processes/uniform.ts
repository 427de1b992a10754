import { processKind } from './process-kind.ts'

/** Arrival k somewhere in [k, k + jitter) / rate: each within its slot, so the rate never drifts. */
export const uniform = processKind({
  syntax: 'uniform:JITTER',
  doc: 'one in each slot of 1/RATE seconds, anywhere in its first JITTER part (0 to 1)',
  fields: { jitter: { kind: 'number', min: 0, max: 1 } },
  make: ({ jitter }, rate) => ({
    name: 'uniform',
    parameters: { rate, jitter },
    meanRate: rate,
    start: (random) => {
      let k = 0
      return () => ((k++ + jitter * random.uniform53()) * 1e6) / rate
    },
  }),
})

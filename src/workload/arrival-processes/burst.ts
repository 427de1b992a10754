import { badSpec } from '../distributions/spec-text.ts'
import { processKind } from './process-kind.ts'

/** `size` requests every `interval`, at once or anywhere within `spread` of the burst's start. */
export const burst = processKind({
  syntax: 'burst:SIZE,INTERVAL[,SPREAD]',
  doc: 'SIZE at once every INTERVAL, or anywhere within SPREAD; without INTERVAL as --rate asks',
  fields: {
    size: { kind: 'integer', min: 1 },
    interval: { kind: 'seconds', above: 0, optional: true },
    spread: { kind: 'seconds', min: 0, optional: true },
  },
  ownRate: ({ interval }) => interval !== undefined,
  make: ({ size, interval, spread = 0 }, rate, spec) => {
    const intervalS = interval ?? size / rate
    if (spread > intervalS) throw badSpec(spec, `spread: expected at most the interval, ${intervalS} s`)
    return {
      name: 'burst',
      parameters: { ...(interval === undefined ? { rate } : {}), size, interval_s: intervalS, spread_s: spread },
      meanRate: size / intervalS,
      start: (random) => {
        let number = 0
        let left = size
        let place = 0
        return () => {
          if (left === 0) {
            number++
            left = size
            place = 0
          }
          // The least of `left` uniforms over what is left of the spread: sorted uniforms one by one.
          if (spread > 0) place = 1 - (1 - place) * (1 - random.uniform53()) ** (1 / left)
          left--
          return (number * intervalS + place * spread) * 1e6
        }
      },
    }
  },
})

import { badSpec } from '../distributions/spec-text.ts'
import { exponential } from '../distributions/variates.ts'
import { processKind } from './process-kind.ts'

/** Poisson whose rate goes in a straight line from `from` to `to` over `duration`, then stays; by inversion of its integral. */
export const ramp = processKind({
  syntax: 'ramp:FROM,TO,DURATION',
  doc: 'poisson whose rate goes from FROM to TO in a straight line over DURATION, then stays',
  fields: {
    from: { kind: 'number', min: 0 },
    to: { kind: 'number', min: 0 },
    duration: { kind: 'seconds', above: 0 },
  },
  ownRate: () => true,
  make: ({ from, to, duration }, _, spec) => {
    if (from === 0 && to === 0) throw badSpec(spec, 'no request ever comes')
    const slope = (to - from) / duration
    return {
      name: 'ramp',
      parameters: { from, to, duration_s: duration },
      meanRate: to,
      start: (random) => {
        let t = 0
        return () => {
          let due = exponential(random)
          if (t < duration) {
            const now = from + slope * t
            // due = now d + slope d^2 / 2, solved for d in the form that loses no digits; negative root: the end comes first.
            const root = now * now + 2 * slope * due
            const d = root >= 0 ? (2 * due) / (now + Math.sqrt(root)) : Number.POSITIVE_INFINITY
            if (t + d < duration) {
              t += d
              return t * 1e6
            }
            due = Math.max(0, due - ((now + to) / 2) * (duration - t))
            t = duration
          }
          t = to > 0 ? t + due / to : Number.POSITIVE_INFINITY
          return t * 1e6
        }
      },
    }
  },
})

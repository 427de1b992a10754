import { exponential } from '../distributions/variates.ts'
import { processKind } from './process-kind.ts'

/** Poisson whose rate is rate (1 + amplitude sin(2 pi t / period)), by thinning (Lewis and Shedler 1979), which is exact. */
export const sinusoid = processKind({
  syntax: 'sinusoid:AMPLITUDE,PERIOD',
  doc: 'poisson whose rate swings by AMPLITUDE (0 to 1, a part of --rate) in PERIOD',
  fields: { amplitude: { kind: 'number', min: 0, max: 1 }, period: { kind: 'seconds', above: 0 } },
  make: ({ amplitude, period }, rate) => {
    const most = rate * (1 + amplitude)
    return {
      name: 'sinusoid',
      parameters: { rate, amplitude, period_s: period },
      meanRate: rate,
      start: (random) => {
        let t = 0
        return () => {
          for (;;) {
            t += exponential(random) / most
            const now = rate * (1 + amplitude * Math.sin((2 * Math.PI * t) / period))
            if (random.uniform53() * most < now) return t * 1e6
          }
        }
      },
    }
  },
})

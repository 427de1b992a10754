import { badSpec, type SpecText, secondsOf } from '../distributions/spec-text.ts'
import { exponential } from '../distributions/variates.ts'
import { type ProcessKind, refuseRate } from './process-kind.ts'

interface Step {
  readonly rate: number
  readonly startS: number
}

/** Poisson with a rate for each stretch of time, by inversion of its integral; the last rate stays. */
export const step: ProcessKind = {
  syntax: 'step:RATE@START,RATE@START,…',
  doc: 'poisson of RATE from START on, step by step (`step:5@0s,20@30s,5@1m`); the last stays',
  read(spec, rest, rate) {
    refuseRate(spec, rate)
    const steps = rest.split(',').map((part) => stepOf(spec, part))
    for (const [i, { startS }] of steps.entries()) {
      if (i === 0 && startS !== 0) throw badSpec(spec, 'the first step must start at 0s')
      if (i > 0 && startS <= (steps[i - 1]?.startS ?? 0))
        throw badSpec(spec, 'each step must start after the one before')
    }
    if (steps.every((one) => one.rate === 0)) throw badSpec(spec, 'no request ever comes')
    return {
      name: 'step',
      parameters: { steps: steps.map((one) => ({ rate: one.rate, start_s: one.startS })) },
      meanRate: steps.at(-1)?.rate ?? null,
      start: (random) => {
        let t = 0
        let at = 0
        return () => {
          // How much of the integral of the rate passes until the next: exponential of mean 1.
          let due = exponential(random)
          for (;;) {
            const now = steps[at]?.rate ?? 0
            const endS = steps[at + 1]?.startS ?? Number.POSITIVE_INFINITY
            const next = now > 0 ? t + due / now : Number.POSITIVE_INFINITY
            if (next < endS) {
              t = next
              return t * 1e6
            }
            if (endS === Number.POSITIVE_INFINITY) return endS
            due = Math.max(0, due - now * (endS - t))
            t = endS
            at++
          }
        }
      },
    }
  },
}

function stepOf(spec: SpecText, part: string): Step {
  const [rateText = '', startText = '', ...more] = part.split('@').map((text) => text.trim())
  const rate = Number(rateText)
  const startS = secondsOf(startText)
  if (rateText === '' || !Number.isFinite(rate) || rate < 0 || startS === null || more.length > 0) {
    throw badSpec(spec, `expected RATE@START, like 20@30s, found ${part.trim() || 'nothing'}`)
  }
  return { rate, startS }
}

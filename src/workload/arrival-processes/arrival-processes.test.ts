import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { integral, ksCritical, ksDistance } from '../../../test/support/kolmogorov-smirnov.ts'
import { randomStream } from '../../base/random-stream.ts'
import { ARRIVAL_PROCESSES, parseArrivalProcess } from './arrival-processes.ts'

const N = 20_000

/** Times in s. */
function times(text: string, rate: number | null, n = N, seed = 1): number[] {
  const next = parseArrivalProcess(text, rate).start(randomStream('arrivals', seed))
  return Array.from({ length: n }, () => next() / 1e6)
}

function gaps(all: readonly number[]): number[] {
  return all.map((t, i) => t - (all[i - 1] ?? 0))
}

/**
 * A Poisson process seen until `endS` has, given how many came, times that are a sample of L(t) / L(endS), where L is the
 * integral of its rate.
 */
function untilEnd(text: string, rate: number | null, endS: number, seed = 1) {
  const next = parseArrivalProcess(text, rate).start(randomStream('arrivals', seed))
  const all: number[] = []
  for (let t = next() / 1e6; t < endS; t = next() / 1e6) all.push(t)
  return all
}

describe('constant', () => {
  it('is constant, without drift', () => {
    const all = times('constant', 3)
    for (const k of [0, 1, 2, 9999, N - 1]) expect(all[k]).toBeCloseTo(k / 3, 9)
  })
})

describe('gaps', () => {
  const cases: [text: string, rate: number | null, cdf: (x: number) => number][] = [
    ['poisson', 40, (x) => 1 - Math.exp(-40 * x)],
    ['gamma:1', 40, (x) => 1 - Math.exp(-40 * x)],
    // Shape 4, an Erlang distribution: the scale is 1 / (4 rate).
    ['gamma:cv=0.5', 10, (x) => 1 - Math.exp(-40 * x) * (1 + 40 * x + (40 * x) ** 2 / 2 + (40 * x) ** 3 / 6)],
    ['pareto:2.5', 10, (x) => (x < 0.06 ? 0 : 1 - (0.06 / x) ** 2.5)],
    ['pareto:alpha=0.9,xm=50ms', null, (x) => (x < 0.05 ? 0 : 1 - (0.05 / x) ** 0.9)],
  ]
  for (const [text, rate, cdf] of cases) {
    it(`of ${text} at ${rate} follow their distribution, one apart from the other`, () => {
      const all = gaps(times(text, rate))
      expect(ksDistance(all, cdf)).toBeLessThan(ksCritical(N))
      // Were each gap tied to the one before, the gaps behind short ones would be other ones.
      const median = [...all].sort((a, b) => a - b)[N / 2] ?? 0
      const behindShort = all.filter((_, i) => i > 0 && (all[i - 1] ?? 0) < median)
      expect(ksDistance(behindShort, cdf)).toBeLessThan(ksCritical(behindShort.length))
    })
  }

  it('of gamma:2 follow the integral of their density (shape 1/4)', () => {
    const scale = 4 / 10
    // With x = u^4 the density's pole at 0 goes: x^(-3/4) dx = 4 du. Gamma(1/4) = 3.625609908221908.
    const density = (u: number) => (4 * Math.exp(-(u ** 4) / scale)) / (3.625609908221908 * scale ** 0.25)
    const cdf = (x: number) => integral(density, 0, x ** 0.25, 200)
    expect(ksDistance(gaps(times('gamma:2', 10)), cdf)).toBeLessThan(ksCritical(N))
  })

  it('have the coefficient of variation asked for', () => {
    for (const cv of [0.1, 0.7, 3]) {
      const all = gaps(times(`gamma:${cv}`, 5, 100_000))
      const mean = all.reduce((sum, x) => sum + x, 0) / all.length
      const sd = Math.sqrt(all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length)
      expect(sd / mean / cv).toBeCloseTo(1, 1)
    }
  })
})

describe('slots and bursts', () => {
  it('uniform: each in its slot, anywhere in the part asked for', () => {
    const places = times('uniform:0.4', 20).map((t, k) => t * 20 - k)
    expect(ksDistance(places, (x) => Math.min(1, Math.max(0, x / 0.4)))).toBeLessThan(ksCritical(N))
  })

  it('uniform:0 is constant', () => {
    expect(times('uniform:0', 8, 100)).toEqual(times('constant', 8, 100))
  })

  it('burst: all at once', () => {
    const all = times('burst:3,5s', null, 9)
    expect(all).toEqual([0, 0, 0, 5, 5, 5, 10, 10, 10])
    expect(times('burst:size=3', 6, 9)).toEqual([0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1])
  })

  it('burst: spread evenly, whole bursts together', () => {
    const all = times('burst:size=10,interval=5s,spread=2s', null)
    const places = all.map((t, k) => t - Math.floor(k / 10) * 5)
    expect(ksDistance(places, (x) => Math.min(1, Math.max(0, x / 2)))).toBeLessThan(ksCritical(N))
    // The first of ten uniforms: 1 - (1 - x)^10.
    const firsts = places.filter((_, k) => k % 10 === 0)
    expect(ksDistance(firsts, (x) => 1 - (1 - x / 2) ** 10)).toBeLessThan(ksCritical(firsts.length))
  })
})

describe('rates that change', () => {
  const cases: [text: string, rate: number | null, endS: number, integral: (t: number) => number][] = [
    [
      'sinusoid:0.8,60s',
      50,
      330,
      (t) => 50 * t + ((50 * 0.8 * 60) / (2 * Math.PI)) * (1 - Math.cos((2 * Math.PI * t) / 60)),
    ],
    [
      'sinusoid:amplitude=1,period=10s',
      80,
      95,
      (t) => 80 * t + (800 / (2 * Math.PI)) * (1 - Math.cos((Math.PI * t) / 5)),
    ],
    ['ramp:0,100,2m', null, 120, (t) => (t * t * 100) / 240],
    ['ramp:from=90,to=10,duration=100s', null, 150, (t) => (t < 100 ? 90 * t - 0.4 * t * t : 5000 + 10 * (t - 100))],
    ['ramp:60,0,100s', null, 200, (t) => (t < 100 ? 60 * t - 0.3 * t * t : 3000)],
    [
      'step:5@0s,40@60s,0@2m,20@150s',
      null,
      300,
      (t) => 5 * Math.min(t, 60) + 40 * Math.min(60, Math.max(0, t - 60)) + 20 * Math.max(0, t - 150),
    ],
  ]
  for (const [text, rate, endS, sum] of cases) {
    it(`${text} at ${rate} follows the integral of its rate`, () => {
      const all = untilEnd(text, rate, endS)
      const whole = sum(endS)
      expect(Math.abs(all.length - whole)).toBeLessThan(4 * Math.sqrt(whole))
      expect(ksDistance(all, (t) => sum(t) / whole)).toBeLessThan(ksCritical(all.length))
      // By the clock that runs with the rate, any such process is Poisson of rate 1: exponential gaps.
      const warped = gaps(all.map(sum))
      expect(ksDistance(warped, (x) => 1 - Math.exp(-x))).toBeLessThan(ksCritical(warped.length))
    })
  }

  it('end where no more come', () => {
    for (const text of ['ramp:5,0,3s', 'step:5@0s,0@3s']) {
      const next = parseArrivalProcess(text, null).start(randomStream('end'))
      let last = 0
      for (let t = next(); t < Number.POSITIVE_INFINITY; t = next()) last = t
      expect(last).toBeLessThanOrEqual(3e6)
      expect(next()).toBe(Number.POSITIVE_INFINITY)
    }
  })
})

const ANY = [
  ['constant', 7],
  ['poisson', 7],
  ['gamma:3', 7],
  ['uniform:1', 7],
  ['pareto:1.7', 7],
  ['burst:5,700ms,300ms', null],
  ['sinusoid:0.5,20', 7],
  ['step:3@0,9@10s', null],
  ['ramp:1,9,30s', null],
] as const

describe('all of them', () => {
  it('stand in the registry and are tried here', () => {
    expect(ANY.map(([text]) => text.replace(/:.*/, ''))).toEqual(Object.keys(ARRIVAL_PROCESSES))
  })

  for (const [text, rate] of ANY) {
    it(`${text}: times never fall, and hang on the seed alone`, () => {
      const all = times(text, rate, 2000, 5)
      for (const [i, t] of all.entries()) expect(t).toBeGreaterThanOrEqual(all[i - 1] ?? 0)
      expect(times(text, rate, 2000, 5)).toEqual(all)
      const other = times(text, rate, 2000, 6)
      if (text === 'constant') expect(other).toEqual(all)
      else expect(other).not.toEqual(all)
    })
  }

  it('keep the rate that they say over a long time', () => {
    for (const [text, rate] of ANY) {
      const { meanRate } = parseArrivalProcess(text, rate)
      const last = times(text, rate, 200_000).at(-1) ?? 0
      expect(200_000 / last / (meanRate ?? 0), text).toBeCloseTo(1, 1)
    }
  })

  it('say what they were made of', () => {
    expect(parseArrivalProcess('burst:size=10,interval=5s,spread=100ms', null)).toMatchObject({
      name: 'burst',
      parameters: { size: 10, interval_s: 5, spread_s: 0.1 },
      meanRate: 2,
    })
    expect(parseArrivalProcess('pareto:2', 10).parameters).toEqual({ rate: 10, alpha: 2, xm_s: 0.05 })
    expect(parseArrivalProcess('pareto:0.5,1s', null).meanRate).toBeNull()
  })
})

describe('texts that are wrong', () => {
  const cases: [text: string, rate: number | null, says: RegExp][] = [
    ['exponential', 5, /no such process; there is constant, poisson/],
    ['toString', 5, /no such process/],
    ['poisson', null, /no --rate/],
    ['poisson', 0, /expected more than 0/],
    ['poisson:3', 5, /more than the 0 values/],
    ['gamma', 5, /`cv` is missing/],
    ['gamma:x', 5, /cv: expected a number, found x/],
    ['gamma:cv=2,cv=3', 5, /twice/],
    ['gamma:shape=2', 5, /no `shape` here; there is cv/],
    ['gamma:', 5, /`cv` is missing/],
    ['uniform:1.5', 5, /at most 1/],
    ['pareto:1', 5, /no mean/],
    ['pareto:2,1s', 5, /leave --rate 5 out/],
    ['burst:2.5,1s', null, /whole number/],
    ['burst:2,1parsec', null, /expected a duration like 500ms or 5s/],
    ['burst:2,1s,2s', null, /spread: expected at most the interval/],
    ['burst:2', null, /no --rate/],
    ['sinusoid:0.5,0s', 5, /more than 0/],
    ['step:5@1s', null, /first step must start at 0s/],
    ['step:5@0s,6@0s', null, /after the one before/],
    ['step:5', null, /RATE@START/],
    ['step:', null, /found nothing/],
    ['step:0@0s', null, /no request ever comes/],
    ['ramp:1,2,3', 4, /leave --rate 4 out/],
    ['ramp:0,0,3', null, /no request ever comes/],
  ]
  for (const [text, rate, says] of cases) {
    it(`${text} at ${rate} is refused`, () => {
      expect(() => parseArrivalProcess(text, rate)).toThrow(says)
    })
  }

  it('of any kind are read or refused with a sentence, never anything else', () => {
    const piece = fc.oneof(
      fc.constantFrom(...Object.keys(ARRIVAL_PROCESSES), ':', ',', '=', '@', '5s', '1e3', 'size', '-1'),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.option(fc.double()), (parts, rate) => {
        try {
          parseArrivalProcess(parts.join(''), rate)
        } catch (error) {
          expect(error).toMatchObject({ exitCode: 2 })
        }
      }),
      { numRuns: 500 },
    )
  })
})

import { describe, expect, it } from 'vitest'
import { ksCritical, ksDistance, ksDistanceOfCounts, normalCdf } from '../../../test/support/kolmogorov-smirnov.ts'
import { randomStream } from '../../base/random-stream.ts'
import type { Arrival, ArrivalSchedule } from '../arrivals/arrival.ts'
import { parseDraw } from '../distributions/bounded-draw.ts'
import { parseLengths, resolveLengths } from './length-spec.ts'
import { requestLengths } from './request-lengths.ts'

const N = 20_000
const noTrace = () => Promise.reject(new Error('no trace is opened here'))

async function inputs(text: string, n = N) {
  const lengths = await resolveLengths(parseLengths('--input-tokens', text), null, 1, noTrace)
  const random = randomStream('lengths', 1)
  const clipped: string[] = []
  const values = Array.from({ length: n }, () => lengths.draw(random, (reason) => clipped.push(reason)).input)
  return { values, clipped, lengths }
}

describe('lengths', () => {
  it('are the number given', async () => {
    expect((await inputs('512', 3)).values).toEqual([512, 512, 512])
    expect((await inputs('const:7', 2)).values).toEqual([7, 7])
  })

  /** CDFs of the rounded values: what is rounded to k lies below k + 1/2. */
  const poissonCdf = (mean: number) => (k: number) => {
    let term = Math.exp(-mean)
    let sum = term
    for (let i = 1; i <= k; i++) {
      term *= mean / i
      sum += term
    }
    return k < 0 ? 0 : sum
  }
  const cases: [text: string, cdf: (k: number) => number][] = [
    ['uniform:10,19', (k) => Math.min(1, Math.max(0, (k - 9) / 10))],
    ['normal:500,50', (k) => normalCdf((k + 0.5 - 500) / 50)],
    // sigma^2 = ln(1 + 0.75^2), mu = ln(800) - sigma^2 / 2
    ['lognormal:800,600', (k) => normalCdf((Math.log(k + 0.5) - 6.461467) / 0.668047)],
    ['lognormal:median=200,sigma=0.5', (k) => normalCdf((Math.log(k + 0.5) - Math.log(200)) / 0.5)],
    ['pareto:1.5,100', (k) => (k < 100 ? 0 : 1 - (100 / (k + 0.5)) ** 1.5)],
    ['poisson:6,min=1', (k) => (k < 1 ? 0 : poissonCdf(6)(k))],
    ['poisson:12', poissonCdf(12)],
    ['poisson:350', poissonCdf(350)],
    ['exponential:300', (k) => (k < 1 ? 0 : 1 - Math.exp(-(k + 0.5) / 300))],
  ]
  for (const [text, cdf] of cases) {
    it(`${text} follow their distribution, whole and at least 1`, async () => {
      const { values } = await inputs(text)
      expect(values.every((value) => Number.isInteger(value) && value >= 1)).toBe(true)
      expect(ksDistanceOfCounts(values, cdf)).toBeLessThan(ksCritical(N))
    })
  }

  it('have the mean and deviation asked for', async () => {
    for (const [text, mean, sd] of [
      ['lognormal:800,600', 800, 600],
      ['poisson:350', 350, Math.sqrt(350)],
      ['normal:500,50', 500, 50],
    ] as const) {
      const { values, lengths } = await inputs(text, 50_000)
      const found = values.reduce((sum, x) => sum + x, 0) / values.length
      const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - found) ** 2, 0) / values.length)
      expect(Math.abs(found - mean)).toBeLessThan((5 * sd) / Math.sqrt(values.length))
      expect(deviation / sd).toBeCloseTo(1, 1)
      expect(lengths.meanInput).toBeCloseTo(mean, 6)
    }
  })

  it('end at their bounds, and what was cut is counted', async () => {
    const { values, clipped, lengths } = await inputs('normal:100,50,min=50,max=120')
    expect(Math.min(...values)).toBe(50)
    expect(Math.max(...values)).toBe(120)
    // P(Z < -1.01) + P(Z > 0.41)
    const share = normalCdf((49.5 - 100) / 50) + 1 - normalCdf((120.5 - 100) / 50)
    expect(Math.abs(clipped.length / N - share)).toBeLessThan(4 * Math.sqrt(share / N))
    expect(new Set(clipped)).toEqual(new Set(['input_tokens_clipped']))
    expect(lengths.provenance.input_tokens).toEqual({ distribution: 'normal', mean: 100, sd: 50, min: 50, max: 120 })
  })

  const wrong: [text: string, says: RegExp][] = [
    ['0', /expected 1 to/],
    ['-5', /at least 0/],
    ['12.5', /whole number/],
    ['', /no such distribution/],
    ['many', /no such distribution; there is const, uniform/],
    ['constructor:1', /no such distribution/],
    ['uniform:5', /`to` is missing/],
    ['uniform:9,3', /expected at least 9/],
    ['normal:5,1,max=0', /min 1 is more than max 0/],
    ['normal:5,1,min=0', /bounds beyond 1/],
    ['normal:5,1,min=1.5', /must be whole/],
    ['lognormal:5', /mean and sd, or median and sigma/],
    ['pareto:2,0', /more than 0/],
    ['empirical', /no file/],
    ['Infinity', /expected/],
  ]
  for (const [text, says] of wrong) {
    it(`${JSON.stringify(text)} is refused`, () => {
      expect(() => parseLengths('--input-tokens', text)).toThrow(says)
    })
  }
})

describe('durations', () => {
  const bounds = { min: 0, max: 1e6 }
  it('are read in their units', () => {
    expect(parseDraw('--think-time', '500ms', 'seconds', bounds).distribution.mean).toBe(0.5)
    expect(parseDraw('--think-time', '2', 'seconds', bounds).distribution.mean).toBe(2)
    expect(parseDraw('--think-time', 'uniform:1s,2m', 'seconds', bounds).distribution.mean).toBe(60.5)
    expect(parseDraw('--think-time', 'pareto:2,500ms,max=1m', 'seconds', bounds)).toMatchObject({
      distribution: { parameters: { alpha: 2, xm: 0.5 } },
      max: 60,
    })
    expect(() => parseDraw('--think-time', 'pareto:2s,1', 'seconds', bounds)).toThrow('alpha: expected a number')
  })

  it('are not rounded', () => {
    const draw = parseDraw('--think-time', 'exponential:2s', 'seconds', bounds)
    const random = randomStream('think', 1)
    const values = Array.from({ length: N }, () => draw.raw(random))
    expect(ksDistance(values, (x) => 1 - Math.exp(-x / 2))).toBeLessThan(ksCritical(N))
  })
})

describe('lengths of a trace', () => {
  const trace = (rows: readonly (readonly [number, number | null])[]): ArrivalSchedule => ({
    provenance: { format: 'made up' },
    notes: [],
    total: null,
    spanUs: null,
    counts: {},
    async *batches() {
      for (const [index, [inputTokens, outputTokens]] of rows.entries()) {
        const arrival: Arrival = { index, tUs: index, inputTokens, outputTokens, session: null, blocks: null }
        yield [arrival]
      }
    },
  })
  const rows = [
    [10, 1],
    [20, 2],
    [30, 3],
    [40, null],
    [0, 9],
  ] as const

  it('are drawn together where both sides name the trace, each row as often', async () => {
    let opened = 0
    let closed = 0
    const open = async () => {
      opened++
      return {
        ...trace(rows),
        close: async () => {
          closed++
        },
      }
    }
    const both = await resolveLengths({ empirical: 'a.csv' }, { empirical: 'a.csv' }, 1, open)
    expect([opened, closed]).toEqual([1, 1])
    const random = randomStream('lengths', 1)
    const seen = new Map<number, number>()
    for (let i = 0; i < 3000; i++) {
      const { input, output } = both.draw(random, () => {})
      expect(output).toBe(input / 10)
      seen.set(input, (seen.get(input) ?? 0) + 1)
    }
    for (const value of [10, 20, 30]) expect(Math.abs((seen.get(value) ?? 0) - 1000)).toBeLessThan(110)
    expect([...seen.keys()].sort()).toEqual([10, 20, 30])
    expect(both.meanInput).toBe(20)
    expect(both.provenance).toMatchObject({ input_tokens: { distribution: 'empirical', rows: 3, rows_kept: 3 } })
  })

  it('go with a distribution on the other side', async () => {
    const lengths = await resolveLengths(parseLengths('--input-tokens', '5'), { empirical: 'a' }, 1, async () =>
      trace(rows),
    )
    const random = randomStream('lengths', 1)
    const drawn = Array.from({ length: 50 }, () => lengths.draw(random, () => {}))
    expect(new Set(drawn.map(({ input }) => input))).toEqual(new Set([5]))
    expect(new Set(drawn.map(({ output }) => output))).toEqual(new Set([1, 2, 3]))
  })

  it('of a long trace are a fair sample of all of it', async () => {
    const long = Array.from({ length: 200_000 }, (_, i) => [i + 1, 1] as const)
    const lengths = await resolveLengths({ empirical: 'a' }, null, 1, async () => trace(long))
    const random = randomStream('lengths', 1)
    const values = Array.from({ length: N }, () => lengths.draw(random, () => {}).input)
    expect(ksDistance(values, (x) => x / 200_000)).toBeLessThan(ksCritical(N))
    expect(lengths.provenance).toMatchObject({ input_tokens: { rows: 200_000, rows_kept: 65_536 } })
  })

  it('are refused where no row has them', async () => {
    const open = async () =>
      trace([
        [0, 5],
        [5, null],
      ])
    await expect(resolveLengths({ empirical: 'a.csv' }, null, 1, open)).rejects.toThrow('a.csv: no row has')
  })
})

it('answers without a length have none', () => {
  const lengths = requestLengths(parseDraw('--input-tokens', '5', 'count', { min: 1, max: 10 }), null)
  expect(lengths.draw(randomStream('x'), () => {})).toEqual({ input: 5, output: null })
})

import { describe, expect, it } from 'vitest'
import { shareInterval } from '../../analysis/slo/share-interval.ts'
import { parseSweep, refuseSweepOptions, type SweepOptions, stepCommandLine, stepLength } from './sweep-options.ts'

/** An option that is missing on the command line is undefined, or a switch that is off. */
const given = (options: Partial<SweepOptions> = {}) => ({ 'no-plot': false, ...options }) as SweepOptions

describe('parseSweep', () => {
  it('reads lists and searches', () => {
    expect(parseSweep('rate=1,2.5, 4', given())).toEqual({
      plan: { axis: 'rate', levels: [1, 2.5, 4], search: null },
      target: 0.99,
    })
    expect(parseSweep('concurrency=1,8,4', given({ slo: 'ttft=1s', attainment: '95%' }))).toEqual({
      plan: { axis: 'concurrency', levels: [1, 8, 4], search: null },
      target: 0.95,
    })
    const slo = { slo: 'ttft=1s' }
    expect(parseSweep('rate=search', given(slo)).plan).toEqual({
      axis: 'rate',
      levels: null,
      search: { from: 1, low: null, high: null, whole: false, precision: 0.05 },
    })
    expect(parseSweep('rate=search:2,80', given({ ...slo, precision: '0.1' })).plan.search).toEqual({
      from: 2,
      low: 2,
      high: 80,
      whole: false,
      precision: 0.1,
    })
    expect(parseSweep('concurrency=search', given(slo)).plan.search).toMatchObject({ from: 1, whole: true })
  })

  it.each<[string, Partial<SweepOptions>, RegExp]>([
    ['rate=search', {}, /without --slo/],
    ['rate=1,2', { rate: 3 }, /--rate and --sweep rate=…/],
    ['rate=1,2', { concurrency: 3 }, /--concurrency and --sweep/],
    ['concurrency=1,2', { rate: 3 }, /closed loop/],
    ['concurrency=1,2', { arrival: 'constant' }, /closed loop/],
    ['concurrency=search', {}, /without --slo/],
    ['concurrency=search:1.5,4', { slo: 'ttft=1s' }, /lowest and the highest/],
    ['rate=', {}, /expected rate=/],
    ['users=1', {}, /expected rate=/],
    ['rate=1,,2', {}, /"" is no rate/],
    ['rate=0,1', {}, /"0" is no rate/],
    ['rate=1,x', {}, /"x" is no rate/],
    ['rate=2,2', {}, /2 is there twice/],
    ['concurrency=1.5', {}, /"1.5" is no number of users/],
    ['rate=search:9,3', { slo: 'ttft=1s' }, /lowest and the highest/],
    ['rate=search:9', { slo: 'ttft=1s' }, /lowest and the highest/],
    ['rate=1,2', { attainment: '0.9' }, /--attainment without --slo/],
    ['rate=1,2', { slo: 'ttft=1s', attainment: '120%' }, /--attainment 120%/],
    ['rate=1,2', { slo: 'ttft=1s', precision: '5%' }, /--precision is for a search/],
    ['rate=search', { slo: 'ttft=1s', precision: '0' }, /--precision 0/],
    ['rate=1,2', { resume: 'RUN' }, /--resume/],
    ['rate=1,2', { 'no-plot': true }, /--no-plot and --sweep/],
    ['rate=1,2', { 'metrics-port': 0 }, /--metrics-port and --sweep/],
  ])('refuses %s beside %j, with a sentence and a hint', (text, options, sentence) => {
    expect(() => parseSweep(text, given(options))).toThrow(
      expect.objectContaining({
        code: 'usage/sweep',
        hint: expect.any(String),
        message: expect.stringMatching(sentence),
      }),
    )
  })

  it('knows what has no meaning without a sweep', () => {
    expect(() => refuseSweepOptions({ attainment: '0.9', precision: undefined })).toThrow(
      /--attainment without --sweep/,
    )
    refuseSweepOptions({ attainment: undefined, precision: undefined })
  })
})

describe('stepLength', () => {
  const at = (level: number, options: Partial<SweepOptions> = {}, target = 0.95) =>
    stepLength(given({ slo: 'ttft=1s', ...options }), { axis: 'rate', level, target })

  it('is long enough to show the target, within bounds', () => {
    expect(at(10)).toEqual({ requests: undefined, duration: 30, expectedS: 30 })
    // Wilson of n of n reaches 0.95 from n = 3.8415 * 0.95 / 0.05 = 72.99 on.
    expect(at(1).duration).toBe(73)
    expect(shareInterval([{ requests: 73, met: 73 }])?.low).toBeGreaterThanOrEqual(0.95)
    expect(at(0.1).duration).toBe(120)
    expect(at(1, { slo: undefined }).duration).toBe(30)
    expect(stepLength(given(), { axis: 'concurrency', level: 4, target: 0.99 }).duration).toBe(30)
  })

  it('is what was asked for', () => {
    expect(at(4, { requests: 100 })).toEqual({ requests: 100, duration: undefined, expectedS: 25 })
    expect(at(4, { requests: 100, duration: 10 })).toEqual({ requests: 100, duration: 10, expectedS: 10 })
  })
})

it("a step's own command line: without the sweep, with what it is at", () => {
  const line = ['load', '--sweep', 'rate=1,2', '--precision=5%', '--attainment', '0.9', '--slo', 'ttft=1s', '--quiet']
  expect(stepCommandLine(line, { rate: 2, duration: 30, requests: undefined, salt: '7-2' })).toEqual([
    ...['load', '--slo', 'ttft=1s', '--quiet', '--rate=2', '--duration=30', '--salt=7-2'],
  ])
})

import { describe, expect, it } from 'vitest'
import { memoryRun } from '../../../test/support/memory-run.ts'
import { randomStream } from '../../base/random-stream.ts'
import { analyseRun } from '../analyse-run.ts'
import { studyFigures } from './sampling-figures.ts'
import { type SamplingRun, studySampling } from './sampling-study.ts'

const NOTHING = { sampler_cores: null, client_cores: null, speeds: {}, delays: {}, measures: {}, truths: {} }
const PERIODS = [1000, 100, 50, 20, 10]

/** Runs whose truth is given by period; blocks differ by much, what differs within a block is `noise`. */
function runs(
  blocks: number,
  truth: (period: number) => { cores?: number; speed?: number; energy?: number; more?: Partial<SamplingRun> },
  noise = 0,
): SamplingRun[] {
  const random = randomStream(5).uniform
  const off = () => 1 + noise * (2 * random() - 1)
  return Array.from({ length: blocks }, (_, block) => {
    const drift = 1 + 0.3 * random()
    return PERIODS.map((period_ms) => {
      const { cores = 0.001, speed = 100, energy = 5000, more } = truth(period_ms)
      return {
        period_ms,
        block,
        sampler_cores: cores,
        client_cores: null,
        speeds: { output_tokens_per_s: speed * drift * off() },
        delays: {},
        measures: { energy_j: energy * drift * off() },
        truths: {},
        ...more,
      }
    })
  }).flat()
}

describe('studySampling', () => {
  it('takes the coarsest period when nothing depends on it', () => {
    const study = studySampling(runs(5, () => ({}), 0.001))
    expect(study.recommended_ms).toBe(1000)
    expect(study.periods.map(({ fits }) => fits)).toEqual(['yes', 'yes', 'yes', 'yes', 'yes'])
    expect(study.blocks_needed).toBeNull()
    expect(study.text).toContain('Sample every 1000 ms')
  })

  it('finds the error of coarse periods, whatever the blocks differ by', () => {
    const study = studySampling(
      runs(6, (period) => ({ energy: 5000 * (period === 1000 ? 0.9 : period === 100 ? 1.005 : 1) }), 0.002),
    )
    expect(study.recommended_ms).toBe(100)
    const [coarse, next] = study.periods
    expect(coarse?.fits).toBe('no')
    expect(coarse?.because).toEqual(['energy_j against 10 ms'])
    expect(coarse?.error.energy_j?.low).toBeLessThan(-0.1)
    expect(coarse?.error.energy_j?.high).toBeGreaterThan(-0.1)
    expect(next?.error.energy_j?.value).toBeCloseTo(0.005, 2)
  })

  it('refuses periods that cost too much or slow the work down', () => {
    const study = studySampling(runs(6, (period) => ({ cores: 0.3 / period, speed: period === 20 ? 90 : 100 }), 0.001))
    expect(study.periods.map(({ fits }) => fits)).toEqual(['yes', 'yes', 'yes', 'no', 'no'])
    expect(study.periods[3]?.because).toEqual(['output_tokens_per_s against 1000 ms'])
    expect(study.periods[4]?.because).toEqual(['its CPU'])
  })

  it('an interval that is exact: two blocks, +1 % and +3 %', () => {
    const two = [0, 1].flatMap((block): SamplingRun[] => [
      {
        period_ms: 100,
        block,
        ...NOTHING,
        measures: { e: 100 * Math.exp(block === 0 ? 0.01 : 0.03) },
      },
      { period_ms: 10, block, ...NOTHING, measures: { e: 100 } },
    ])
    // mean 0.02, deviation 0.01 sqrt 2, over sqrt 2: 12.7062 x 0.01.
    const { periods } = studySampling(two)
    expect(periods[0]?.error.e?.value).toBeCloseTo(Math.expm1(0.02), 9)
    expect(periods[0]?.error.e?.low).toBeCloseTo(Math.expm1(0.02 - 0.127062), 6)
    expect(periods[0]?.error.e?.high).toBeCloseTo(Math.expm1(0.02 + 0.127062), 6)
    expect(periods[0]?.fits).toBe('open')
  })

  it('holds a measure against its truth where there is one, at the finest period too', () => {
    // Busy 0.5, of which 10 ms sees 6 % too little and 1000 ms 6 % too much; the finest would call 1000 ms 13 % wrong.
    const seen = (period: number) => (period === 1000 ? 0.53 : period === 10 ? 0.47 : 0.5)
    const study = studySampling(
      runs(4, (period) => ({ more: { measures: { busy: seen(period) }, truths: { busy: 0.5 } } })),
    )
    expect(study.periods.map(({ fits }) => fits)).toEqual(['no', 'yes', 'yes', 'yes', 'no'])
    expect(study.periods[0]?.error.busy).toMatchObject({ against: 'truth', value: expect.closeTo(0.06, 9) })
    expect(study.periods[4]?.because).toEqual(['busy against the truth'])
    expect(study.recommended_ms).toBe(100)
  })

  it('refuses a period that leaves unresolved what the finest resolves', () => {
    const study = studySampling(
      runs(4, (period) => ({ more: { measures: { whole_j: 9, ...(period > 50 ? {} : { decode_j: 7 }) } } })),
    )
    expect(study.periods.map(({ unresolved }) => unresolved)).toEqual([['decode_j'], ['decode_j'], [], [], []])
    expect(study.periods[0]?.because).toEqual(['decode_j is not resolved'])
    expect(study.recommended_ms).toBe(50)
  })

  it("lets times and the client's CPU refuse a period, but not hold one up", () => {
    // At every period but the coarsest half of the blocks lie above and half below: intervals are wide and show no
    // difference.
    const noisy = studySampling(
      runs(4, () => ({})).map((run) => {
        const off = run.period_ms === 1000 ? 0 : run.block % 2 === 0 ? 1 : -1
        return { ...run, delays: { ttft_ms: 20 + 5 * off }, client_cores: 0.1 + 0.05 * off }
      }),
    )
    expect(noisy.periods[0]?.delay).toMatchObject({ ttft_ms: { value: 0 } })
    expect(Math.abs(noisy.periods[1]?.delay.ttft_ms?.value ?? 0)).toBeGreaterThan(0.01)
    expect(noisy.periods.map(({ fits }) => fits)).toEqual(['yes', 'yes', 'yes', 'yes', 'yes'])
    const slow = studySampling(
      runs(4, (period) => ({
        more: { delays: { ttft_ms: period === 20 ? 30 : 20 }, client_cores: period === 10 ? 0.2 : 0.1 },
      })),
    )
    expect(slow.periods.map(({ because }) => because)).toEqual([
      [],
      [],
      [],
      ['ttft_ms against 1000 ms'],
      ["the client's CPU"],
    ])
    expect(slow.periods[4]?.client_cores?.value).toBeCloseTo(0.1, 9)
  })

  it('says which period the figures alone would choose, where intervals are too wide', () => {
    const study = studySampling(
      runs(2, (period) => ({ energy: period === 1000 ? 6000 : 5000 }), 0.0005).map((run) =>
        run.block === 0 && run.period_ms > 50 ? { ...run, speeds: { output_tokens_per_s: 0.97 } } : run,
      ),
    )
    expect(study.periods[0]?.fits).toBe('no')
    const one = studySampling(runs(1, () => ({})))
    expect(one).toMatchObject({ recommended_ms: null, likely_ms: 1000 })
    expect(one.text).toContain('by their figures alone 1000 ms does')
  })

  it('says what is open and how many blocks would tell; that many do', () => {
    const study = studySampling(runs(3, () => ({}), 0.03))
    expect(study.periods[0]?.fits).toBe('open')
    expect(study.recommended_ms).not.toBe(1000)
    const blocks = study.blocks_needed as number
    expect(blocks).toBeGreaterThan(3)
    expect(studySampling(runs(3 * blocks, () => ({}), 0.03)).periods[0]?.fits).toBe('yes')
    expect(study.text).toContain(`about ${blocks} blocks`)
  })

  it('does not call one run a study', () => {
    expect(studySampling(runs(1, () => ({}))).periods[0]?.fits).toBe('open')
    expect(studySampling([]).recommended_ms).toBeNull()
    expect(studySampling(runs(3, () => ({})).filter(({ period_ms }) => period_ms === 10)).text).toContain(
      'cannot be compared',
    )
  })
})

it('takes from a report what was measured, and nothing else', async () => {
  const S = 1e9
  const nothing = { sampler_cores: null, client_cores: null, measures: {} }
  const requests = [
    { status: 'ok', sent_ns: 0, first_token_ns: 5 * S, last_token_ns: 20 * S, end_ns: 20 * S, output_tokens: 40 },
  ]
  const track = (track_id: number, name: string) => ({
    track_id,
    layer: 'gpu',
    device: '0 u n',
    name,
    attrs: '{"window_ns":0}',
  })
  const counters = Array.from({ length: 500 }, (_, i) => i * 0.05 * S - 2 * S).flatMap((t_ns) => [
    { track_id: 1, t_ns, value: t_ns < 5 * S ? 300 : 100 },
    { track_id: 2, t_ns, value: 0.5 },
  ])
  const figures = async (tables: Parameters<typeof memoryRun>[0]) => {
    const reader = await memoryRun(tables)
    const found = studyFigures(await analyseRun(reader))
    await reader.close()
    return found
  }
  const { speeds, delays, measures } = await figures({
    requests,
    tracks: [track(1, 'power_draw_w'), track(2, 'gpu_utilization_ratio')],
    counters,
  })
  expect(speeds.output_tokens_per_s).toBeCloseTo(2, 9)
  expect(delays).toEqual({ ttft_ms: 5000, e2e_ms: 20_000 })
  expect(Object.keys(measures).sort()).toEqual([
    'decode_gpu_utilization_ratio',
    'gpu_decode_j',
    'gpu_j',
    'gpu_prefill_j',
    'prefill_gpu_utilization_ratio',
  ])
  expect(Math.abs((measures.gpu_prefill_j ?? 0) - 1500)).toBeLessThan(10)
  expect(measures.decode_gpu_utilization_ratio).toBeCloseTo(0.5, 9)
  expect(await figures({ requests })).toEqual({ ...nothing, speeds, delays })

  const host = (track_id: number, name: string, role: string) => ({
    track_id,
    layer: 'host',
    name,
    attrs: JSON.stringify({ role, kind: 'mean' }),
  })
  const cost = await figures({
    requests,
    tracks: [
      host(1, 'cpu_busy_ratio', 'machine'),
      host(2, 'sampler_cpu_cores', 'client'),
      host(3, 'helper_cpu_cores', 'client'),
      host(4, 'cpu_cores', 'client'),
      host(5, 'cpu_cores', 'engine'),
    ],
    counters: [1, 2, 3, 4, 5].flatMap((track_id) => [
      { track_id, t_ns: 4 * S, value: track_id / 100 },
      { track_id, t_ns: 8 * S, value: track_id / 50 },
    ]),
  })
  expect(cost.sampler_cores).toBeCloseTo(0.03 + 0.045, 9)
  expect(cost.client_cores).toBeCloseTo(0.06, 9)
  expect(cost.measures.machine_cpu_busy_ratio).toBeCloseTo(0.015, 9)
})

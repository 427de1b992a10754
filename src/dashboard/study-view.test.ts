import { expect, it } from 'vitest'
import { type SamplingRun, studySampling } from '../analysis/hardware/sampling-study.ts'
import { studyText } from './study-view.ts'
import { paintFor } from './text/paint.ts'

/** Three blocks: 10 ms costs 5 % of a core, and 1000 ms sees a tenth too little energy. */
const RUNS: SamplingRun[] = [0, 1, 2].flatMap((block) =>
  [1000, 100, 10].map((period_ms) => ({
    period_ms,
    block,
    sampler_cores: 0.5 / period_ms,
    client_cores: 0.1 + 0.5 / period_ms,
    speeds: { output_tokens_per_s: 40 + block },
    delays: { ttft_ms: 30 },
    measures: {
      gpu_j: period_ms === 1000 ? 900 : 1000,
      busy: 0.5,
      ...(period_ms === 1000 ? {} : { gpu_decode_j: 7 }),
    },
    truths: { busy: 0.5 },
  })),
)

it('shows cost, effect and error by period, and the answer', () => {
  const runs = RUNS.map((run, i) => ({
    ...run,
    run: `r${i}`,
    requests: 8,
    ok: 8,
    verdict: [`something was ${i}.5 ms late`],
  }))
  const record = { study: 'sampling', seed: 9, blocks: 3, periods_ms: [1000, 100, 10], runs } as const
  const text = studyText(
    { ...record, periods_ms: [...record.periods_ms], result: studySampling(runs) },
    { width: 120, paint: paintFor(false) },
  )
  const line = (start: RegExp): string => text.split('\n').find((each) => start.test(each)) ?? ''
  expect(text).toContain('9 runs of 9, 8 requests each')
  expect(line(/^ *1000 ms +3/)).toMatch(/0\.050 % \(0\.050…0\.050\) .* no$/)
  expect(line(/^ *100 ms +3/)).toMatch(/0\.500 % \(0\.500…0\.500\) +\+0\.450 % \(\+0\.450…\+0\.450\) .* yes$/)
  expect(line(/^gpu_j/)).toMatch(/^gpu_j +-10\.0 % \(-10\.0…-10\.0\) +0 % \(0…0\) +–$/)
  expect(line(/^busy \*/)).toMatch(/0 % \(0…0\) +0 % \(0…0\) +0 % \(0…0\)$/)
  expect(line(/^gpu_decode_j/)).toMatch(/^gpu_decode_j +not resolved +0 % \(0…0\) +–$/)
  expect(text).toContain('1000 ms: does not fit: gpu_j against 10 ms, gpu_decode_j is not resolved')
  expect(text).toContain("10 ms: does not fit: its CPU, the client's CPU")
  expect(text).toContain('! 9 runs: something was 0.5 ms late\n')
  expect(text).toContain('Sample every 100 ms: the coarsest period that fits')
})

it('does not show intervals that say nothing', () => {
  const runs = RUNS.filter(({ block }) => block < 2).map((run, i) => ({
    ...run,
    measures: { gpu_j: run.period_ms === 10 ? 1000 : 1000 * Math.exp(run.block) },
    run: `r${i}`,
    requests: 8,
    ok: 8,
    verdict: [],
  }))
  const text = studyText(
    { study: 'sampling', seed: 9, blocks: 2, periods_ms: [1000, 100, 10], runs, result: studySampling(runs) },
    { width: 120, paint: paintFor(false) },
  )
  // Ratios of 1 and e: the mean of their logs is a half.
  expect(text).toMatch(/^gpu_j +\+64\.9 % \(too few blocks\)/m)
})

it('says so where nothing was done', () => {
  const empty = { study: 'sampling', seed: 9, blocks: 3, periods_ms: [100, 10], runs: [] } as const
  const text = studyText(
    { ...empty, periods_ms: [100, 10], runs: [], result: studySampling([]) },
    { width: 80, paint: paintFor(false) },
  )
  expect(text).toContain('0 runs of 6')
  expect(text).toContain('cannot be compared')
})

import { expect, it } from 'vitest'
import { memoryContext } from '../../test/support/memory-context.ts'
import { GapTrack } from './gap-track.ts'

function gapTrack() {
  const run = memoryContext()
  const gaps = new GapTrack(run.context, { layer: 'gpu', host: 'h', source: 's', longestPauseNs: 1e9 })
  const start = run.context.clock.now()
  gaps.sample(start)
  return { run, gaps, start }
}

it('tells an outage from the last sample before to the first after', () => {
  const { run, gaps, start } = gapTrack()
  gaps.outage('gone')
  gaps.outage('still gone')
  gaps.sample(start + 0.5e9)
  expect(run.gaps()).toMatchObject([{ name: 'gone', t_ns: start, dur_ns: 0.5e9, category: 'gap' }])
})

it('tells a silence that is too long, and no shorter one', () => {
  const { run, gaps, start } = gapTrack()
  gaps.sample(start + 0.9e9)
  expect(run.gaps()).toEqual([])
  gaps.sample(start + 2e9)
  expect(run.gaps()).toMatchObject([{ name: 'no samples came', t_ns: start + 0.9e9, dur_ns: 1.1e9 }])
})

it('is not ended by what a paused source had said already', () => {
  const { run, gaps, start } = gapTrack()
  gaps.pause('paused')
  gaps.sample(start + 0.02e9)
  expect(run.gaps()).toEqual([])
  gaps.resume()
  gaps.sample(start + 5e9)
  expect(run.gaps()).toMatchObject([{ name: 'paused', t_ns: start + 0.02e9, dur_ns: 4.98e9 }])
})

it('lasts to the end of the run where the source is paused still', () => {
  const { run, gaps, start } = gapTrack()
  gaps.pause('paused')
  gaps.end()
  expect(run.gaps()).toMatchObject([{ name: 'paused', t_ns: start }])
})

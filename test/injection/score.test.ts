import { expect, it } from 'vitest'
import { confusion, type Judged, scores, summed, unprovoked } from './score.ts'

const JUDGED: Judged[] = [
  { tokens: 8, injected: 'stopped', claimed: 'stopped' },
  { tokens: 2, injected: 'stopped', claimed: null },
  { tokens: 1, injected: 'stopped', claimed: 'cpu_wait' },
  { tokens: 4, injected: 'nothing', claimed: 'stopped' },
  { tokens: 5, injected: 'nothing', claimed: null },
]

it('precision is of what was claimed, recall of what was done', () => {
  expect(scores(JUDGED)).toEqual([
    { cause: 'stopped', injected: 11, claimed: 12, right: 8, precision: 8 / 12, recall: 8 / 11 },
  ])
  expect(Object.fromEntries([...confusion(JUDGED)].map(([done, row]) => [done, Object.fromEntries(row)]))).toEqual({
    stopped: { stopped: 8, none: 2, cpu_wait: 1 },
    nothing: { stopped: 4, none: 5 },
  })
})

it('what is claimed while nothing is done is held against all late tokens', () => {
  expect(unprovoked(JUDGED)).toEqual({ late: 9, claimed: 4, outliers: 20 })
})

it('the same of several runs adds up', () => {
  expect(summed([...JUDGED, ...JUDGED]).map(({ tokens }) => tokens)).toEqual([16, 4, 2, 8, 10])
})

it('nothing claimed has no precision', () => {
  expect(scores([{ injected: 'delivery', claimed: null, tokens: 1 }])).toEqual([
    { cause: 'delivery', injected: 1, claimed: 0, right: 0, precision: null, recall: 0 },
  ])
})

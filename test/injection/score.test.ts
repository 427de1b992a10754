import { expect, it } from 'vitest'
import { confusion, type Judged, scores } from './score.ts'

const times = (n: number, judged: Judged): Judged[] => Array.from({ length: n }, () => judged)

it('precision is of what was claimed, recall of what was done', () => {
  const judged = [
    ...times(8, { injected: 'stopped', claimed: 'stopped' }),
    ...times(2, { injected: 'stopped', claimed: null }),
    ...times(1, { injected: 'stopped', claimed: 'cpu_wait' }),
    ...times(4, { injected: 'nothing', claimed: 'stopped' }),
    ...times(5, { injected: 'nothing', claimed: null }),
  ]
  expect(scores(judged)).toEqual([
    { cause: 'stopped', injected: 11, claimed: 12, right: 8, precision: 8 / 12, recall: 8 / 11 },
  ])
  expect(Object.fromEntries([...confusion(judged)].map(([done, row]) => [done, Object.fromEntries(row)]))).toEqual({
    stopped: { stopped: 8, none: 2, cpu_wait: 1 },
    nothing: { stopped: 4, none: 5 },
  })
})

it('nothing claimed has no precision', () => {
  expect(scores([{ injected: 'delivery', claimed: null }])).toEqual([
    { cause: 'delivery', injected: 1, claimed: 0, right: 0, precision: null, recall: 0 },
  ])
})

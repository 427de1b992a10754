import { expect, test } from 'vitest'
import { longestPath, type PathEvent } from './critical-path.ts'

const event = (id: number, more: Partial<PathEvent>): PathEvent => ({
  id,
  thread: 1,
  name: 'op',
  kind: 'operator',
  ts: 0,
  te: 10,
  stream: null,
  call: null,
  callTs: null,
  queuedAtLaunch: null,
  queuedAtStart: null,
  ...more,
})

test('operators one behind the other: their time, not the time between them', () => {
  expect(longestPath([event(1, {}), event(2, { ts: 30, te: 35 })])).toBe(15)
})

test('a kernel on an empty stream follows the start of its launch', () => {
  const launch = event(1, { name: 'cudaLaunchKernel', ts: 0, te: 4 })
  const kernel = event(2, {
    kind: 'kernel',
    stream: 7,
    ts: 9,
    te: 109,
    call: 1,
    callTs: 0,
    queuedAtLaunch: 1,
    queuedAtStart: 0,
  })
  // 9 of launch delay and 100 of kernel are more than the 4 of the call.
  expect(longestPath([launch, kernel])).toBe(109)
  // A waiting call takes no time of its own, and continues from the kernel's end.
  const wait = event(3, { name: 'cudaStreamSynchronize', ts: 5, te: 111 })
  const after = event(5, { ts: 120, te: 127 })
  const sync = event(4, { kind: 'sync', name: 'Stream Sync', stream: 7, ts: 6, te: 110, call: 3, callTs: 5 })
  expect(longestPath([launch, kernel, wait, sync, after])).toBe(109 + 7)
})

test('a kernel behind another follows that one, its gap included', () => {
  const kernels = [0, 1].map((i) => [
    event(1 + i, { name: 'cudaLaunchKernel', ts: i * 2, te: i * 2 + 1 }),
    event(11 + i, {
      kind: 'kernel',
      stream: 7,
      ts: 10 + i * 23,
      te: 30 + i * 23,
      call: 1 + i,
      callTs: i * 2,
      queuedAtLaunch: 1 + i,
      queuedAtStart: 1 - i,
    }),
  ])
  // The first has no edge that leads to it (two were waiting when it began): 20 + 3 + 20.
  expect(longestPath(kernels.flat())).toBe(43)
})

test('a cycle has no path', () => {
  const wait = event(1, { name: 'cudaStreamSynchronize', ts: 0, te: 1 })
  const launch = event(2, { name: 'cudaLaunchKernel', ts: 5, te: 6 })
  const kernel = event(3, {
    kind: 'kernel',
    stream: 7,
    ts: 8,
    te: 9,
    call: 2,
    callTs: 5,
    queuedAtLaunch: 1,
    queuedAtStart: 0,
  })
  // The wait's end is linked to the kernel, which is linked to what comes after the wait.
  const sync = event(4, { kind: 'sync', name: 'Stream Sync', stream: 7, ts: 8, te: 10, call: 1, callTs: 0 })
  expect(longestPath([wait, launch, kernel, sync])).toBeNull()
})

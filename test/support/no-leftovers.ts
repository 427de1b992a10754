import { relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect } from 'vitest'
import { CHECKOUT } from './cli.ts'
import { endLeftovers, processesWith, TEST_MARKER } from './processes.ts'

/** For the end of a process that was asked to end. */
const GRACE_MS = Number(process.env.LEFTOVER_GRACE_MS ?? 20_000)

let entry = ''

// A setup file: its hooks hold for each test file.
beforeAll(() => {
  const mark = `${process.ppid} ${relative(CHECKOUT, expect.getState().testPath ?? '')}`
  process.env[TEST_MARKER] = mark
  entry = `${TEST_MARKER}=${mark}`
})

// Clean-up runs in reverse order: this hook, which was registered first, is last.
afterAll(async () => {
  const find = () => processesWith((each) => each === entry)
  const until = performance.now() + GRACE_MS
  let left = find()
  while (left.length > 0 && performance.now() < until) {
    await sleep(50)
    left = find()
  }
  if (left.length > 0) throw new Error(`these tests leave processes behind (ended now): ${endLeftovers(left)}`)
}, GRACE_MS + 10_000)

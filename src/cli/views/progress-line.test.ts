import type { WriteStream } from 'node:tty'
import { afterEach, expect, test, vi } from 'vitest'
import { progressLine } from './progress-line.ts'

afterEach(() => vi.useRealTimers())

function terminal() {
  let line = ''
  const write = (text: string) => {
    line = text
    return true
  }
  const out = { isTTY: true, columns: 100, write } as unknown as WriteStream
  return { out, line: () => line }
}

test('an ETA goes by the pace of what is shown, not by what came before', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  const { out, line } = terminal()
  const progress = progressLine(out, false)
  progress.show('a10', 0)
  vi.advanceTimersByTime(600_000)
  progress.show('a10', 0.5)
  expect(line()).toMatch(/a10 .*10 min 0 s left$/)
  vi.advanceTimersByTime(1000)
  progress.show('sealing chunks', 0.5)
  expect(line()).not.toContain('left')
  // The second target is far faster: a quarter of all in 12 s.
  vi.advanceTimersByTime(1000)
  progress.show('a100', 0.5)
  vi.advanceTimersByTime(12_000)
  progress.show('a100', 0.75)
  expect(line()).toMatch(/a100 .* 12 s left$/)
  progress.show('a100', 1)
  expect(line()).not.toContain('left')
})

test('says nothing where nobody looks', () => {
  const { out, line } = terminal()
  progressLine(out, true).show('a', 0.5)
  progressLine({ ...out, isTTY: false } as WriteStream, false).show('a', 0.5)
  expect(line()).toBe('')
})

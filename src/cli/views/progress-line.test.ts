import type { WriteStream } from 'node:tty'
import { afterEach, expect, test, vi } from 'vitest'
import { saysItGoesOn } from '../os/goes-on.ts'
import { busy } from './busy.ts'
import { progressLine } from './progress-line.ts'

afterEach(() => vi.useRealTimers())
const fakeTime = () =>
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] })

function terminal() {
  let line = ''
  let all = ''
  const write = (text: string) => {
    line = text
    all += text
    return true
  }
  const out = { isTTY: true, columns: 100, write } as unknown as WriteStream
  return { out, line: () => line, all: () => all }
}

test('an ETA goes by the pace of what is shown, not by what came before', () => {
  fakeTime()
  const { out, line } = terminal()
  const progress = progressLine(out, false)
  progress.show('a10', 0)
  vi.advanceTimersByTime(599_900)
  progress.show('a10', 0.5)
  expect(line()).toMatch(/a10 .*10 min 0 s left$/)
  vi.advanceTimersByTime(1000)
  progress.show('sealing chunks', 0.5)
  expect(line()).not.toContain('left')
  // The second target is far faster: a quarter of all in 12 s.
  vi.advanceTimersByTime(1000)
  progress.show('a100', 0.5)
  vi.advanceTimersByTime(11_900)
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

test('what tells nothing new shows that it goes on, and an ETA that is never 0', () => {
  fakeTime()
  const { out, line } = terminal()
  const progress = progressLine(out, false)
  progress.show('requests', 0, '0/1000')
  vi.advanceTimersByTime(30_900)
  expect(line()).toMatch(/ 0% requests 0\/1000 · 30 s$/)
  progress.show('requests', 0.999, '999/1000')
  expect(line()).toMatch(/ 99% .* 1 s left$/)
  // The last answer takes minutes: the time keeps running, and so does the ETA.
  vi.advanceTimersByTime(300_000)
  expect(line()).toMatch(/999\/1000 · 1 s left$/)
  vi.advanceTimersByTime(3000_000)
  expect(line()).toMatch(/ 4 s left$/)
  progress.clear()
  expect(vi.getTimerCount()).toBe(0)
})

test('a line above the progress leaves it whole', () => {
  fakeTime()
  const { out, all, line } = terminal()
  const progress = progressLine(out, false)
  progress.show('requests', 0.5, '1/2')
  progress.above(() => out.write('id=0\n'))
  expect(all()).toMatch(/ 50% requests 1\/2\r.\[2Kid=0\n\r.\[2K.* 50% requests 1\/2$/)
  progress.clear()
  progress.above(() => out.write('end\n'))
  expect(line()).toBe('end\n')
})

test('work of more than a second is named while it lasts, shorter work is not', async () => {
  fakeTime()
  const { out, all, line } = terminal()
  let end: (value: number) => void = () => {}
  const done = busy(out, false, 'writing perfetto', () => new Promise<number>((resolve) => (end = resolve)))
  vi.advanceTimersByTime(900)
  expect(all()).toBe('')
  vi.advanceTimersByTime(4200)
  expect(line()).toMatch(/writing perfetto · 4 s$/)
  end(7)
  expect(await done).toBe(7)
  expect(line()).toBe('\r\x1b[2K')
  expect(vi.getTimerCount()).toBe(0)
  await expect(busy(out, false, 'x', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(vi.getTimerCount()).toBe(0)
})

test('a command that is recorded has the terminal; that it goes on is said in lines of their own', () => {
  fakeTime()
  const { out, all } = terminal()
  const shown = { quiet: false, live: false, events: false }
  const over = saysItGoesOn(out, 'python3', shown)
  vi.advanceTimersByTime(181_000)
  expect(all().split('\n').filter(Boolean)).toHaveLength(6)
  expect(all()).not.toContain('\r')
  over()
  for (const off of ['quiet', 'live', 'events']) saysItGoesOn(out, 'python3', { ...shown, [off]: true })
  expect(vi.getTimerCount()).toBe(0)
})

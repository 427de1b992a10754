import { expect, test } from 'vitest'
import { compactStamp, createRunClock, unixMinusMonotonic } from './time.ts'

test('two clocks of one base agree, and follow the monotonic clock', () => {
  const first = createRunClock()
  const second = createRunClock({ epochUnixNs: first.epochUnixNs, monotonicBaseNs: first.monotonicBaseNs })
  for (let i = 0; i < 100; i++) {
    const before = Number(process.hrtime.bigint() - first.monotonicBaseNs)
    const a = first.now()
    const b = second.now()
    const after = Number(process.hrtime.bigint() - first.monotonicBaseNs)
    // Each clock's own zero was measured to within some µs.
    expect(a).toBeGreaterThan(before - 50_000)
    expect(b).toBeLessThan(after + 50_000)
  }
})

test("the epoch is the system's time to within its millisecond and what this process slept meanwhile", () => {
  const before = BigInt(Date.now()) * 1_000_000n
  const clock = createRunClock()
  const after = (BigInt(Date.now()) + 1n) * 1_000_000n
  expect(clock.epochUnixNs).toBeGreaterThanOrEqual(before)
  expect(clock.epochUnixNs).toBeLessThanOrEqual(after)
})

test('unix minus monotonic repeats within its brackets and the drift of a moment', () => {
  const first = unixMinusMonotonic()
  const second = unixMinusMonotonic()
  const apart = Math.abs(Number(second.offsetNs - first.offsetNs))
  expect(apart).toBeLessThan(first.uncertaintyNs + second.uncertaintyNs + 100_000)
})

test('the stamp of a run folder is UTC, without signs', () => {
  expect(compactStamp(new Date('2026-01-02T03:04:05.678Z'))).toBe('20260102-030405')
})

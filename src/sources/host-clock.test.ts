import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunClock } from '../base/time.ts'
import { fixFrom, LocalStamps, parseUnixUs } from './host-clock.ts'

const EPOCH = 1_795_322_000_123_456_789n
const runClock = (nowNs: () => number): RunClock => ({
  epochUnixNs: EPOCH,
  monotonicBaseNs: 0n,
  now: nowNs,
  fromPerformance: (ms) => ms * 1e6,
})

describe('the clock of another host', () => {
  it('lies within the stated uncertainty, whatever the ways there and back take', () => {
    const way = fc.integer({ min: 1000, max: 50_000_000 })
    fc.assert(
      fc.property(
        fc.integer({ min: -1e9, max: 1e9 }),
        fc.array(fc.tuple(way, way), { minLength: 1 }),
        (offsetUs, ways) => {
          const probes = ways.map(([there, back], i) => {
            const sentNs = i * 1e9
            const trueUnixNs = EPOCH + BigInt(sentNs + there) + BigInt(offsetUs) * 1000n
            return { sentNs, receivedNs: sentNs + there + back, unixUs: Number(trueUnixNs / 1000n) }
          })
          const fix = fixFrom(
            probes,
            runClock(() => 0),
          )
          expect(Math.abs((fix?.offsetNs ?? 0) - offsetUs * 1000)).toBeLessThanOrEqual(fix?.uncertaintyNs ?? 0)
          const fastest = Math.min(...ways.map(([there, back]) => there + back))
          expect(fix?.uncertaintyNs).toBeLessThanOrEqual(fastest / 2 + 1000)
        },
      ),
    )
    expect(
      fixFrom(
        [{ sentNs: 0, receivedNs: 1, unixUs: Number.NaN }],
        runClock(() => 0),
      ),
    ).toBeNull()
  })

  it('is read with a point or a comma, to the microsecond', () => {
    expect(parseUnixUs('1763787999.123456')).toBe(1763787999123456)
    expect(parseUnixUs('1763787999,123456789')).toBe(1763787999123456)
    for (const text of ['', '1763787999', '1763787999.N', 'date: no', '12.123456']) expect(parseUnixUs(text)).toBeNaN()
  })
})

describe('local times without a zone', () => {
  const unixMsOf = (runNs: number, offsetNs: number): number => Number(EPOCH) / 1e6 + (runNs + offsetNs) / 1e6

  it('become run time in every zone, and when the clock is put forward in the night', () => {
    const zone = fc.integer({ min: -48, max: 56 }).map((quarters) => quarters * 15 * 60_000)
    const ms = fc.integer({ min: 0, max: 9 * 3600_000 })
    fc.assert(
      fc.property(
        zone,
        fc.integer({ min: -5_000, max: 5_000 }),
        ms,
        fc.integer({ min: 0, max: 2000 }),
        (zoneMs, offMs, atMs, lateMs) => {
          let now = atMs * 1e6 + lateMs * 1e6
          const offsetNs = offMs * 1e6
          const stamps = new LocalStamps(runClock(() => now))
          const shown = Math.floor(unixMsOf(atMs * 1e6, offsetNs)) + zoneMs
          expect(stamps.see(shown, offsetNs)).toBe(true)
          expect(stamps.zoneNs === zoneMs * 1e6).toBe(true)
          expect(Math.abs(stamps.runTime(shown, offsetNs) - atMs * 1e6)).toBeLessThanOrEqual(1.001e6)
          now += 100e6
          expect(stamps.see(shown + 100, offsetNs)).toBe(false)
          now += 100e6
          expect(stamps.see(shown + 200 + 3600_000, offsetNs)).toBe(true)
          expect(Math.abs(stamps.runTime(shown + 200 + 3600_000, offsetNs) - (atMs + 200) * 1e6)).toBeLessThanOrEqual(
            1.001e6,
          )
        },
      ),
    )
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LayerlineError } from '../../base/errors.ts'
import { limitText, parseSlo } from './slo.ts'

describe('parseSlo', () => {
  it('reads limits in us, ms and s as ms', () => {
    expect(parseSlo('ttft=500ms, itl=50ms,tpot=800us,e2e=1.5s,itl_p99.9=1s,due_ttft=2s')).toEqual([
      { metric: 'ttft', limit_ms: 500 },
      { metric: 'itl', limit_ms: 50 },
      { metric: 'tpot', limit_ms: 0.8 },
      { metric: 'e2e', limit_ms: 1500 },
      { metric: 'itl_p99.9', limit_ms: 1000 },
      { metric: 'due_ttft', limit_ms: 2000 },
    ])
  })

  it.each([
    ['', 'expected a latency and a limit'],
    ['ttft', 'expected a latency and a limit'],
    ['ttft=500', 'with its unit'],
    ['ttft=500m', 'with its unit'],
    ['ttft=..ms', 'expected a latency and a limit'],
    ['ttft=0ms', 'above 0'],
    ['ttft=-5ms', 'expected a latency and a limit'],
    ['latency=5ms', 'no such latency; expected one of ttft, itl'],
    ['itl_p0=5ms', 'no such latency'],
    ['itl_p100=5ms', 'no such latency'],
    ['toString=5ms', 'no such latency'],
    ['ttft=5ms,ttft=6ms', 'ttft is there twice'],
    ['ttft=5ms,', 'expected a latency and a limit'],
  ])('refuses %j and says why', (text, why) => {
    expect(() => parseSlo(text)).toThrow(why)
    expect(() => parseSlo(text)).toThrow(expect.objectContaining({ code: 'usage/slo', exitCode: 2 }))
  })

  it('gives limits above 0 or a usage error for any text', () => {
    const part = fc.oneof(
      fc.string(),
      fc.tuple(
        fc.constantFrom('ttft', 'itl', 'e2e', 'itl_p50', 'x'),
        fc.float({ min: 0 }),
        fc.constantFrom('ms', 's', 'h'),
      ),
    )
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const text = parts.map((p) => (typeof p === 'string' ? p : `${p[0]}=${p[1]}${p[2]}`)).join(',')
        try {
          expect(parseSlo(text).every(({ limit_ms }) => limit_ms > 0 && Number.isFinite(limit_ms))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(LayerlineError)
          expect(error).toMatchObject({ code: 'usage/slo' })
        }
      }),
    )
  })

  it('says a limit in the unit in which it reads best', () => {
    expect(parseSlo('ttft=500ms,e2e=1500ms').map(limitText)).toEqual(['ttft ≤ 500 ms', 'e2e ≤ 1.5 s'])
  })
})

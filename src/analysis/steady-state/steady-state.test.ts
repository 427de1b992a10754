import { afterEach, describe, expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import { randomRun } from '../../../test/support/random-run.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { measuredSpan, offeredFigures } from '../requests/offered.ts'
import { loadOverTime } from './over-time.ts'
import { steadyState } from './steady-state.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

async function read(tables: Tables) {
  const reader = await memoryRun(tables)
  open.push(reader)
  const span = await measuredSpan(reader)
  const { concurrency } = await offeredFigures(reader, span)
  return { reader, span, concurrency }
}

const s = 1e9

/** Ten workers, one more each second; each asks again as soon as it is answered, which takes 1 s; none asks after 59 s. */
function workers(fails: (id: number) => boolean = () => false): NonNullable<Tables['requests']> {
  const requests: NonNullable<Tables['requests']> = []
  for (let worker = 0; worker < 10; worker++) {
    for (let at = worker; at < 60; at++) {
      const id = requests.length
      const sent = at * s + worker * 1e6
      requests.push({
        request_id: id,
        status: fails(id) ? 'reset' : 'ok',
        scheduled_ns: sent,
        sent_ns: sent,
        first_token_ns: sent + 0.1 * s,
        last_token_ns: sent + 1 * s,
        end_ns: sent + 1 * s,
        output_tokens: 20,
      })
    }
  }
  return requests
}

describe('steadyState', () => {
  it('leaves out the ramp and the drain, shows both, and has the plateau inside', async () => {
    const { reader, span, concurrency } = await read({ requests: workers() })
    const steady = await steadyState(reader, span, concurrency)
    expect(steady?.unsettled).toBeNull()
    const window = steady?.window
    if (!window) throw new Error('no window')
    // Worker 10 starts at 9 s; stretches are of 0.59 s.
    expect(window.from_s).toBeGreaterThan(8.4)
    expect(window.from_s).toBeLessThan(11)
    expect(window.to_s).toBeGreaterThan(57)
    expect(window.to_s).toBeLessThanOrEqual(59.01)
    expect(window.in_flight).toBeCloseTo(10, 1)
    expect(window.answered_per_s).toBeGreaterThan(9.7)
    expect(window.answered_per_s).toBeLessThan(10.3)
    // 20 tokens over 0.9 s of each second, ten workers.
    expect(window.output_tokens_per_s / 200).toBeGreaterThan(0.97)
    expect(window.output_tokens_per_s / 200).toBeLessThan(1.03)
    expect(window.warmup.requests + window.requests + window.drain.requests).toBe(555)
    expect(window.warmup.s + (window.to_s - window.from_s) + window.drain.s).toBeCloseTo(60.009, 6)
    expect(window.ttft_ms).toMatchObject({ n: window.ok, mean: expect.closeTo(100, 6) })
  })

  it('counts what failed inside, and out of the latencies', async () => {
    const { reader, span, concurrency } = await read({ requests: workers((id) => id % 5 === 0) })
    const window = (await steadyState(reader, span, concurrency))?.window
    expect(window?.ok).toBe(window?.e2e_ms?.n)
    expect((window?.ok ?? 0) / (window?.requests ?? 1)).toBeCloseTo(0.8, 1)
  })

  it('says of a server that never caught up that there is no steady part', async () => {
    // 10 a second come, each takes a second longer than the one ten before it.
    const requests = Array.from({ length: 600 }, (_, id) => {
      const sent = id * 0.1 * s
      const end = sent + (1 + id / 10) * s
      return {
        request_id: id,
        status: 'ok',
        scheduled_ns: sent,
        sent_ns: sent,
        first_token_ns: end,
        last_token_ns: end,
        end_ns: end,
        output_tokens: 1,
      }
    })
    const { reader, span, concurrency } = await read({ requests })
    expect(await steadyState(reader, span, concurrency)).toMatchObject({ window: null, unsettled: expect.any(String) })
  })

  it('has nothing to say of a handful, or of one at a time', async () => {
    const few = await read({ requests: workers().slice(0, 20) })
    expect(await steadyState(few.reader, few.span, few.concurrency)).toBeNull()
    const alone = await read({ requests: workers().slice(0, 59) })
    expect(await steadyState(alone.reader, alone.span, alone.concurrency)).toBeNull()
  })
})

describe('loadOverTime', () => {
  it.each([7, 100])('adds up to what the whole run has, over %i stretches', async (bins) => {
    const tables = randomRun(9, 200)
    const { reader, span, concurrency } = await read(tables)
    if (span === null || concurrency === null) throw new Error('no span')
    const load = await loadOverTime(reader, span, bins)
    const seconds = (span.endNs - span.startNs) / s / bins
    const whole = (key: keyof (typeof load)[number]) => load.reduce((sum, bin) => sum + bin[key] * seconds, 0)
    const measured = tables.requests.filter((row) => row.phase === 'measured')
    const ok = measured.filter((row) => row.status === 'ok')
    expect(whole('offered_per_s')).toBeCloseTo(measured.length, 6)
    expect(whole('sent_per_s')).toBeCloseTo(measured.length, 6)
    expect(whole('answered_per_s')).toBeCloseTo(ok.length, 6)
    expect(whole('failed_per_s')).toBeCloseTo(measured.length - ok.length, 6)
    expect(whole('in_flight') / seconds / bins).toBeCloseTo(concurrency.mean, 9)
    // Tokens of warm-up requests too, as far as they lie within the measured span.
    const tokens = tables.requests
      .filter((row) => row.status === 'ok')
      .reduce((sum, row) => {
        const [a, b] = [Number(row.first_token_ns), Number(row.last_token_ns)]
        const inside = Math.max(0, Math.min(b, span.endNs) - Math.max(a, span.startNs))
        return sum + (Number(row.output_tokens) * inside) / (b - a)
      }, 0)
    expect(whole('output_tokens_per_s')).toBeCloseTo(tokens, 4)
  })
})

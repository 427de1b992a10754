import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXPORTS } from '../src/exports/registry.ts'
import { knownRun } from './support/known-run.ts'
import { rowsOf } from './support/rows-of.ts'
import { tempFolder } from './support/temp-folder.ts'

describe('chrome', () => {
  test('is JSON that says what SQL says', async () => {
    const folder = tempFolder()
    const run = await knownRun(folder)
    const file = join(folder, 'run.json')
    const [written] = await EXPORTS.chrome.write(run, file, {})
    type ChromeEvent = {
      ph: string
      ts: number
      dur: number
      pid: number
      tid: number
      name: string
      cat: string
      id: number
      args: Record<string, unknown>
    }
    const trace = JSON.parse(readFileSync(file, 'utf8')) as { traceEvents: ChromeEvent[]; baseTimeNanoseconds: number }
    const of = (ph: string) => trace.traceEvents.filter((event) => event.ph === ph)
    expect(written?.rows).toBe(trace.traceEvents.length)
    const shift = 5e6
    const ns = (us: number) => Math.round(us * 1000) - shift
    const counters = await rowsOf(
      run,
      'SELECT t_ns, value FROM counters WHERE value IS NOT NULL ORDER BY t_ns, track_id',
    )
    expect(of('C').map(({ ts, args }) => [ns(ts), args.value])).toEqual(
      counters.map(({ t_ns, value }) => [t_ns, value]),
    )
    const slices = await rowsOf(run, 'SELECT * FROM named_slices ORDER BY t_ns')
    expect(
      of('X')
        .filter(({ cat }) => cat === 'step')
        .map(({ ts, dur, name, args }) => [ns(ts), Math.round(dur * 1000), name, args.slice_id]),
    ).toEqual(slices.map((s) => [s.t_ns, s.dur_ns, s.name, s.slice_id]))
    const chunks = await rowsOf(run, 'SELECT t_ns, request_id FROM chunks ORDER BY t_ns, request_id')
    expect(of('i').map(({ ts, args }) => [ns(ts), args.request_id])).toEqual(chunks.map((c) => [c.t_ns, c.request_id]))
    expect(
      of('s')
        .map(({ id }) => id)
        .sort(),
    ).toEqual(
      of('f')
        .map(({ id }) => id)
        .sort(),
    )
    expect(of('s').length).toBe(2)
    // Within one thread slices nest.
    for (const thread of new Set(of('X').map(({ tid }) => tid))) {
      const events = of('X').filter(({ tid }) => tid === thread)
      const open: number[] = []
      for (const { ts, dur } of events.toSorted((a, b) => a.ts - b.ts || b.dur - a.dur)) {
        while (open.length > 0 && (open.at(-1) as number) <= ts) open.pop()
        if (open.length > 0) expect(ts + dur).toBeLessThanOrEqual((open.at(-1) as number) + 1e-6)
        open.push(ts + dur)
      }
    }
  })
})

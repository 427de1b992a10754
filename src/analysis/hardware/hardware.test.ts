import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import { randomStream } from '../../base/random-stream.ts'
import type { RunReader, SqlValue } from '../../store/read/run-reader.ts'
import { measuredSpan } from '../requests/offered.ts'
import { horizonOf, LABELS } from './flights.ts'
import { hardwareFigures } from './hardware.ts'
import { labelledSamplesQuery } from './samples.ts'
import { findSensors } from './sensors.ts'

type Row = Record<string, SqlValue>
const S = 1e9
const MS = 1e6

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

async function figuresOf(tables: Tables) {
  const reader = await memoryRun(tables)
  open.push(reader)
  return hardwareFigures(reader, await measuredSpan(reader))
}

async function labelsOf(tables: Tables): Promise<Row[]> {
  const reader = await memoryRun(tables)
  open.push(reader)
  const horizon = await horizonOf(reader)
  if (horizon === null) throw new Error('nothing was sampled')
  return reader.query(labelledSamplesQuery(await findSensors(reader), horizon))
}

const gpuTrack = (track_id: number, name: string, attrs: Row = {}, device = '0 GPU-a NVIDIA Fake A10'): Row => ({
  track_id,
  layer: 'gpu',
  host: 'box',
  device,
  name,
  clock: 'run',
  attrs: JSON.stringify({ kind: 'gauge', ...attrs }),
})

/** Samples every `period` from `from` to `to`, s; of a sensor that looks every `update` and averages over `window`. */
function sampled(
  track_id: number,
  at: (fromS: number, toS: number) => number,
  times: { from: number; to: number; period: number; update?: number; window?: number },
): Row[] {
  const { from, to, period, update = period, window = 0 } = times
  return Array.from({ length: Math.round((to - from) / period) + 1 }, (_, i) => {
    const t = from + i * period
    const looked = Math.floor(t / update + 1e-9) * update
    return { track_id, t_ns: Math.round(t * S), value: at(looked - window, looked) }
  })
}

/** sent, first token, last token in s. */
const request = (request_id: number, b: number, f: number | null, e: number, more: Row = {}): Row => ({
  request_id,
  prompt_id: `p${request_id}`,
  scheduled_ns: b * S,
  sent_ns: b * S,
  first_token_ns: f === null ? null : f * S,
  last_token_ns: f === null ? null : e * S,
  end_ns: e * S,
  status: 'ok',
  input_tokens: 100,
  output_tokens: 101,
  ...more,
})

describe('energy whose integral is known', () => {
  // P(t) = 200 + 100 sin(2 pi t / 20) W
  const power = (t: number) => 200 + 100 * Math.sin((2 * Math.PI * t) / 20)
  const energy = (a: number, b: number) =>
    200 * (b - a) + (1000 / Math.PI) * (Math.cos((2 * Math.PI * a) / 20) - Math.cos((2 * Math.PI * b) / 20))
  const mean = (a: number, b: number) => (b > a ? energy(a, b) / (b - a) : power(b))
  const requests = [request(0, 5, 7, 15), request(1, 18, 21, 29)]

  it.each([
    ['a moment, every 10 ms', { period: 0.01 }, {}],
    ['a moment, looked at every 100 ms, sampled every 20', { period: 0.02, update: 0.1 }, {}],
    ['a mean of 100 ms every 100 ms', { period: 0.1, window: 0.1 }, { window_ns: 1e8 }],
    ['a mean of 1 s every 100 ms', { period: 0.1, window: 1 }, { window_ns: 1e9 }],
  ])('%s', async (_, times, attrs) => {
    const counters = sampled(1, mean, { from: 0, to: 40, ...times })
    const {
      energy: [found],
    } = await figuresOf({ requests, counters, tracks: [gpuTrack(1, 'power_draw_w', { window_ns: 0, ...attrs })] })
    if (found === undefined) throw new Error('no energy')
    const truth = {
      prefill: energy(5, 7) + energy(18, 21),
      decode: energy(7, 15) + energy(21, 29),
      other: 0,
      idle: energy(15, 18),
    }
    for (const label of LABELS) {
      const { energy_j } = found.stages[label]
      // Well under the 5 W of the calibration, and the limits hold the truth.
      expect(Math.abs(energy_j.value - truth[label])).toBeLessThanOrEqual(0.02 * truth[label])
      expect(energy_j.low).toBeLessThanOrEqual(truth[label])
      expect(energy_j.high).toBeGreaterThanOrEqual(truth[label])
    }
    expect(Math.abs(found.whole_j.value - energy(5, 29))).toBeLessThan(0.005 * energy(5, 29))
    expect(found.covered_share).toBe(1)
    expect(found.modelled_share).toBe(0)
    for (const line of found.requests) {
      const [b, e] = line.request_id === 0 ? [5, 15] : [18, 29]
      expect(Math.abs(line.energy_j.value - energy(b as number, e as number))).toBeLessThan(0.02 * line.energy_j.value)
      expect(line.modelled).toBe(false)
    }
  })

  it('lines between moments follow a slope exactly', async () => {
    const counters = sampled(1, (_, t) => 100 + 10 * t, { from: 0, to: 40, period: 0.5 })
    const {
      energy: [found],
    } = await figuresOf({ requests, counters, tracks: [gpuTrack(1, 'power_draw_w', { window_ns: 0 })] })
    const integral = (a: number, b: number) => 100 * (b - a) + 5 * (b * b - a * a)
    expect(found?.stages.prefill.energy_j.value).toBeCloseTo(integral(5, 7) + integral(18, 21), 2)
    expect(found?.whole_j.value).toBeCloseTo(integral(5, 29), 2)
  })

  it('a counter beats a gauge, and is exact where it was read', async () => {
    const counters = [
      ...sampled(1, () => 999, { from: 0, to: 40, period: 0.1 }),
      ...sampled(2, (_, t) => 5000 + energy(0, t), { from: 0, to: 40, period: 0.5 }),
    ].sort((a, b) => Number(a.t_ns) - Number(b.t_ns))
    const tracks = [gpuTrack(1, 'power_draw_instant_w', { window_ns: 0 }), gpuTrack(2, 'energy_j', { kind: 'counter' })]
    const {
      energy: [found],
    } = await figuresOf({ requests, counters, tracks })
    expect(found?.sources).toMatchObject([{ name: 'energy_j', kind: 'counter' }])
    expect(found?.stages.prefill.energy_j.value).toBeCloseTo(energy(5, 7) + energy(18, 21), 6)
    expect(found?.whole_j.value).toBeCloseTo(energy(5, 29), 6)
  })

  it('a counter that starts again counts nothing for that stretch', async () => {
    const counters = sampled(1, (_, t) => (t < 10 ? 100 * t : 100 * (t - 10)), { from: 0, to: 40, period: 0.5 })
    const {
      energy: [found],
    } = await figuresOf({ requests, counters, tracks: [gpuTrack(1, 'energy_j', { kind: 'counter' })] })
    expect(found?.whole_j.value).toBeCloseTo(100 * 23.5, 6)
    expect(found?.covered_share).toBeCloseTo(23.5 / 24, 6)
    // The request that was in flight then has no figure.
    expect(found?.requests.map(({ request_id }) => request_id)).toEqual([1])
  })

  it('processors: packages once, memory beside them, what lies within them not', async () => {
    const zone = (track_id: number, device: string): Row => ({
      track_id,
      layer: 'host',
      host: 'box',
      device,
      name: 'energy_j',
      clock: 'run',
      attrs: JSON.stringify({ role: 'machine', kind: 'delta' }),
    })
    const devices = [
      'package-0 intel-rapl:0',
      'core intel-rapl:0:0',
      'dram intel-rapl:0:1',
      'package-0 intel-rapl-mmio:0',
    ]
    const watts = [40, 30, 5, 40]
    const counters = devices.flatMap((_, i) =>
      sampled(i + 1, () => (watts[i] as number) * 0.1, { from: 0.1, to: 40, period: 0.1 }),
    )
    const { energy: all } = await figuresOf({
      requests,
      counters,
      tracks: devices.map((device, i) => zone(i + 1, device)),
    })
    expect(all.map(({ scope }) => scope)).toEqual(['host'])
    expect(all[0]?.sources.map(({ device }) => device)).toEqual([devices[0], devices[2]])
    expect(all[0]?.whole_j.value).toBeCloseTo(45 * 24, 4)
    expect(all[0]?.idle_w?.value).toBeCloseTo(45, 4)
  })
})

describe('idle power', () => {
  it('is taken where no request reaches, before and after too, and off again', async () => {
    const counters = sampled(1, (_, t) => (t >= 5 && t < 15 ? 300 : 60), { from: 0, to: 20, period: 0.01 })
    const {
      energy: [found],
    } = await figuresOf({
      requests: [request(0, 5, 6, 15)],
      counters,
      tracks: [gpuTrack(1, 'power_draw_w', { window_ns: 0 })],
    })
    expect(found?.idle_w?.value).toBeCloseTo(60, 6)
    expect(found?.idle_seconds).toBeGreaterThan(9.5)
    expect(found?.stages.decode.energy_j.value).toBeCloseTo(300 * 9, -1)
    expect(found?.stages.decode.above_idle_j?.value).toBeCloseTo(240 * 9, -1)
    expect(found?.stages.idle.seconds).toBe(0)
  })

  it('does not take in what a sensor that looks back a second still shows of a request', async () => {
    const busy = (from: number, to: number) => Math.max(0, Math.min(to, 15) - Math.max(from, 5)) / (to - from)
    const counters = sampled(1, (from, to) => 60 + 240 * busy(from, to), { from: 0, to: 20, period: 0.1, window: 1 })
    const {
      energy: [found],
    } = await figuresOf({
      requests: [request(0, 5, 6, 15)],
      counters,
      tracks: [gpuTrack(1, 'power_draw_w', { window_ns: 1e9 })],
    })
    expect(found?.idle_w?.value).toBeCloseTo(60, 6)
    expect(found?.stages.decode.above_idle_j?.low).toBeLessThan(240 * 9)
    expect(found?.stages.decode.above_idle_j?.high).toBeGreaterThan(240 * 9)
  })

  it('is not known where it was quiet for less than the sensor means over', async () => {
    const idle = async (from: number) => {
      const counters = sampled(1, () => 100, { from, to: 16, period: 0.1, window: 1 })
      const tracks = [gpuTrack(1, 'power_draw_w', { window_ns: 1e9 })]
      const { energy } = await figuresOf({ requests: [request(0, 5, 6, 15)], counters, tracks })
      return energy[0]?.idle_w ?? null
    }
    expect(await idle(4.4)).toBeNull()
    expect(await idle(2)).not.toBeNull()
  })

  it('is not known where something is always in flight', async () => {
    const counters = sampled(1, () => 100, { from: 5, to: 15, period: 0.01 })
    const {
      energy: [found],
    } = await figuresOf({
      requests: [request(0, 5, 6, 15)],
      counters,
      tracks: [gpuTrack(1, 'power_draw_w', { window_ns: 0 })],
    })
    expect(found?.idle_w).toBeNull()
    expect(found?.stages.decode.above_idle_j).toBeNull()
  })
})

describe('what is refused', () => {
  const tracks = [gpuTrack(1, 'power_draw_w', { window_ns: 1e9 })]
  const short = (n: number, prompts: number) =>
    Array.from({ length: n }, (_, i) =>
      request(i, 2 + i, 2.1 + i, 2.4 + i, { prompt_id: `p${i % prompts}`, repeat: Math.floor(i / prompts) }),
    )
  const steady = sampled(1, () => 200, { from: 0, to: 60, period: 0.1 })

  it('requests shorter than ten windows, with the passes it would take', async () => {
    const {
      energy: [found],
    } = await figuresOf({ requests: short(5, 5), counters: steady, tracks })
    expect(found?.resolution_ms).toBe(1000)
    expect(found?.per_request).toMatchObject({ requests: 5, covered: 5, resolved: 0, mean_j: null, repeat_needed: 25 })
    expect(found?.requests).toEqual([])
    expect(found?.tokens.j_per_output_token).toBeNull()
    expect(found?.stages.decode.resolved).toBe(false)
  })

  it('and that many passes are enough', async () => {
    const {
      energy: [found],
    } = await figuresOf({ requests: short(50, 2), counters: steady, tracks })
    expect(found?.per_request).toMatchObject({ resolved: 50, repeat_needed: null })
    expect(found?.per_request.mean_j?.value).toBeCloseTo(80, 3)
    expect(found?.tokens.j_per_output_token?.value).toBeCloseTo(80 / 101, 5)
    expect(found?.tokens.output_tokens_per_j?.value).toBeCloseTo(101 / 80, 4)
  })

  it('time in which nothing was sampled: a hole, and a gap that the source tells of', async () => {
    const counters = sampled(1, () => 200, { from: 0, to: 40, period: 0.1 }).filter(
      ({ t_ns }) => Number(t_ns) < 10 * S || Number(t_ns) >= 16 * S,
    )
    const requests = [request(0, 2, 3, 12), request(1, 17, 18, 30)]
    const bare = [gpuTrack(1, 'power_draw_w', { window_ns: 0 })]
    const found = await figuresOf({ requests, counters, tracks: bare })
    expect(found.gpu_covered_share).toBeCloseTo(1 - 6 / 28, 2)
    expect(found.energy[0]?.covered_share).toBeCloseTo(1 - 6.1 / 28, 3)
    expect(found.energy[0]?.per_request).toMatchObject({ requests: 2, covered: 1 })
    // Half a second is no hole by itself.
    const brief = sampled(1, () => 200, { from: 0, to: 40, period: 0.1 }).filter(
      ({ t_ns }) => Math.abs(Number(t_ns) - 10 * S) > 0.15 * S,
    )
    const whole = await figuresOf({ requests, counters: brief, tracks: bare })
    expect(whole.energy[0]?.covered_share).toBe(1)
    const told = await figuresOf({
      requests,
      counters: brief,
      tracks: [...bare, { track_id: 9, layer: 'gpu', host: 'box', name: 'gaps', clock: 'run' }],
      slices: [{ slice_id: 1, track_id: 9, t_ns: 9.8 * S, dur_ns: 0.4 * S, name_id: 0, category: 'gap' }],
    })
    expect(told.energy[0]?.covered_share).toBeCloseTo(1 - 0.4 / 28, 3)
    expect(told.energy[0]?.per_request.covered).toBe(1)
  })

  it('GPUs that gave no value, and machines without any', async () => {
    const silent = await figuresOf({ requests: short(2, 2), counters: [{ track_id: 1, t_ns: S, value: null }], tracks })
    expect(silent).toMatchObject({ energy: [], gpu_covered_share: 0, gpus_silent: ['box 0 GPU-a NVIDIA Fake A10'] })
    const none = await figuresOf({ requests: short(2, 2) })
    expect(none).toEqual({ sensors: [], by_stage: [], energy: [], gpu_covered_share: null, gpus_silent: [] })
  })
})

describe('samples', () => {
  it('repeats are marked, a value that comes again is not one', async () => {
    // The sensor looks every 100 ms, sampled every 20: 5 rows a look. From 2 to 3 s its value stays.
    const counters = sampled(1, (_, t) => (t >= 2 && t < 3 ? 50 : 100 * t), {
      from: 0,
      to: 5,
      period: 0.02,
      update: 0.1,
    })
    const rows = await labelsOf({ counters, tracks: [gpuTrack(1, 'power_draw_w', { window_ns: 0 })] })
    const fresh = rows.filter((row) => row.is_repeat === false)
    expect(fresh).toHaveLength(51)
    expect(fresh.every((row) => Math.abs((Number(row.t_ns) / (100 * MS)) % 1) < 1e-9)).toBe(true)
  })

  it.each([
    [100, 10, 100],
    [100, 60, 100],
    [167, 20, 167],
    [50, 100, null],
  ])('a sensor that looks every %d ms, sampled every %d: %s', async (update, period, expected) => {
    const random = randomStream(3).uniform
    const values = Array.from({ length: 2000 }, () => Math.round(100 * random()))
    const counters = sampled(1, (_, t) => values[Math.round((t * 1000) / update)] as number, {
      from: 0,
      to: 60,
      period: period / 1000,
      update: update / 1000,
    })
    const { sensors } = await figuresOf({ counters, tracks: [gpuTrack(1, 'gpu_utilization_ratio')] })
    if (expected === null) expect(sensors[0]?.update_ms).toBeNull()
    else expect(Math.abs((sensors[0]?.update_ms ?? 0) - expected)).toBeLessThan(0.05 * expected)
  })

  it('carry the overlap of their window with what was going on', async () => {
    const requests = [request(0, 1.2, 1.6, 2.3), request(1, 2.5, 2.6, 3.5), request(2, 2.6, 3.1, 3.2)]
    const counters = [1, 2, 3, 4, 5].map((t) => ({ track_id: 1, t_ns: t * S, value: t }))
    const rows = await labelsOf({
      requests,
      counters,
      tracks: [gpuTrack(1, 'gpu_utilization_ratio', { window_ns: 1e9 })],
    })
    const weights = rows.map((row) => LABELS.map((label) => Number(Number(row[label]).toFixed(6))))
    expect(weights).toEqual([
      [0, 0, 0, 1],
      [0.4, 0.4, 0, 0.2],
      // 2–2.3 decode, idle to 2.5, prefill to 2.6, then two at once, one of each.
      [0.3, 0.5, 0, 0.2],
      // Two at once to 3.2, then one to 3.5.
      [0.05, 0.45, 0, 0.5],
      [0, 0, 0, 1],
    ])
    expect(rows.map((row) => row.request_id)).toEqual([null, 0, 0, 1, null])
    expect(rows.filter((_, i) => i !== 1).map((row) => row.request_stage)).toEqual([null, 'decode', 'decode', null])
    expect(Number(rows[1]?.request_weight)).toBeCloseTo(0.8, 9)
  })
})

/** Requests and samples of any shape, overlapping or not. */
const anyRun = fc.record({
  seed: fc.integer({ min: 0, max: 1e6 }),
  requests: fc.integer({ min: 0, max: 12 }),
  period: fc.constantFrom(20, 100, 330),
  window: fc.constantFrom(0, 50, 1000),
  devices: fc.integer({ min: 1, max: 3 }),
})

function randomTables({
  seed,
  requests: count,
  period,
  window,
  devices,
}: typeof anyRun extends fc.Arbitrary<infer T> ? T : never) {
  const random = randomStream(seed).uniform
  const ms = (most: number) => Math.floor(random() * most) / 1000
  const requests = Array.from({ length: count }, (_, id) => {
    const b = 1 + ms(5000)
    const f = b + ms(1500)
    const streamed = random() < 0.8
    return request(id, b, streamed ? f : null, f + ms(3000), {
      phase: random() < 0.8 ? 'measured' : 'warmup',
      status: random() < 0.8 ? 'ok' : 'reset',
    })
  })
  const ids = Array.from({ length: devices }, (_, i) => i + 1)
  const tracks = ids.map((id) => gpuTrack(id, 'power_draw_w', { window_ns: window * MS }, `${id} GPU-${id} X`))
  const counters = ids.flatMap((id) =>
    Array.from({ length: Math.floor(12_000 / period) }, (_, i) => ({
      track_id: id,
      t_ns: i * period * MS + Math.floor(random() * 3 * MS),
      value: 50 + Math.floor(random() * 250),
    })),
  )
  return { requests, tracks, counters }
}

describe('whatever the run', () => {
  it('weights sum to 1 and follow a walk through the window in small steps', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async (shape) => {
        const tables = randomTables(shape)
        const rows = await labelsOf(tables)
        expect(rows).toHaveLength(tables.counters.length)
        for (const row of rows) {
          const sum = LABELS.reduce((all, label) => all + Number(row[label]), 0)
          expect(sum).toBeCloseTo(1, 6)
          expect(LABELS.every((label) => Number(row[label]) >= 0)).toBe(true)
        }
        for (const row of rows.filter((_, i) => i % 37 === 0)) {
          const walked = walk(tables.requests, Number(row.from_ns), Number(row.to_ns))
          for (const label of LABELS) expect(Math.abs(Number(row[label]) - walked[label])).toBeLessThan(0.012)
          const best = Math.max(0, ...walked.requests.values())
          expect(Math.abs(Number(row.request_weight ?? 0) - best)).toBeLessThan(0.012)
          if (row.request_id !== null)
            expect(walked.requests.get(Number(row.request_id)) ?? 0).toBeGreaterThan(best - 0.012)
        }
      }),
      { numRuns: 15 },
    )
  })

  it('energies of the stages sum to the whole, and all follow a sum over small steps', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async (shape) => {
        const tables = randomTables(shape)
        const {
          energy: [found],
        } = await figuresOf(tables)
        const measured = tables.requests.filter((row) => row.phase === 'measured')
        if (found === undefined) {
          expect(
            measured.length === 0 ||
              Math.max(...measured.map((row) => Number(row.end_ns))) <=
                Math.min(...measured.map((row) => Number(row.sent_ns))),
          ).toBe(true)
          return
        }
        const sum = LABELS.reduce((all, label) => all + found.stages[label].energy_j.value, 0)
        expect(sum).toBeCloseTo(found.whole_j.value, 6)
        const start = Math.min(...measured.map((row) => Number(row.sent_ns)))
        const end = Math.max(...measured.map((row) => Number(row.end_ns)))
        const truth = walkEnergy(tables, shape.window * MS, start, end)
        const near = Math.max(2, 0.01 * found.whole_j.value)
        for (const label of LABELS)
          expect(Math.abs(found.stages[label].energy_j.value - truth.stages[label])).toBeLessThan(near)
        for (const line of found.requests)
          expect(Math.abs(line.energy_j.value - (truth.requests.get(line.request_id) ?? 0))).toBeLessThan(near)
      }),
      { numRuns: 15 },
    )
  })
})

/** What is in progress at a moment, from the rows themselves. */
function stateAt(requests: readonly Row[], t: number): { id: number; label: 'prefill' | 'decode' | 'other' }[] {
  return requests
    .filter((row) => t >= Number(row.sent_ns) && t < Number(row.last_token_ns ?? row.end_ns))
    .map((row) => ({
      id: Number(row.request_id),
      label:
        row.phase !== 'measured' || row.first_token_ns === null
          ? 'other'
          : t < Number(row.first_token_ns)
            ? 'prefill'
            : 'decode',
    }))
}

function walk(requests: readonly Row[], from: number, to: number) {
  const shares = { prefill: 0, decode: 0, other: 0, idle: 0, requests: new Map<number, number>() }
  const steps = 1000
  for (let i = 0; i < steps; i++) {
    const state = stateAt(requests, from + ((i + 0.5) / steps) * (to - from))
    if (state.length === 0) shares.idle += 1 / steps
    for (const { id, label } of state) {
      shares[label] += 1 / steps / state.length
      shares.requests.set(id, (shares.requests.get(id) ?? 0) + 1 / steps / state.length)
    }
  }
  return shares
}

/** Lines between the middles of the windows, added up in steps of half a millisecond. */
function walkEnergy(tables: ReturnType<typeof randomTables>, window: number, start: number, end: number) {
  const stages = { prefill: 0, decode: 0, other: 0, idle: 0 }
  const requests = new Map<number, number>()
  const step = 0.5 * MS
  const series = tables.tracks.map(({ track_id }) =>
    tables.counters
      .filter((row) => row.track_id === track_id)
      .map((row) => ({ c: row.t_ns - window / 2, t: row.t_ns, p: row.value })),
  )
  const cursors = series.map(() => 0)
  for (let t = start + step / 2; t < end; t += step) {
    let power = 0
    for (const [i, nodes] of series.entries()) {
      while (cursors[i]! < nodes.length - 1 && nodes[cursors[i]! + 1]!.c <= t) cursors[i]!++
      const a = nodes[cursors[i]!]!
      const b = nodes[cursors[i]! + 1]
      if (t < a.c) power += t >= a.c - window / 2 ? a.p : 0
      else if (b !== undefined) power += a.p + ((b.p - a.p) * (t - a.c)) / (b.c - a.c)
      else power += t < a.t ? a.p : 0
    }
    const joules = (power * step) / S
    const state = stateAt(tables.requests, t)
    if (state.length === 0) stages.idle += joules
    for (const { id, label } of state) {
      stages[label] += joules / state.length
      requests.set(id, (requests.get(id) ?? 0) + joules / state.length)
    }
  }
  return { stages, requests }
}

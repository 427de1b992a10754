import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryRun, type Tables } from '../../../../test/support/memory-run.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import { countersMips, slicesMips } from '../../../store/seal/mips.ts'
import { type Columns, rowCount } from './columns.ts'
import { counterCells } from './counter-cells.ts'
import { binNs, MIP_LEVEL, TILE_BINS, tileSpan } from './levels.ts'
import { readLongSlices } from './long-slices.ts'
import { sliceCells } from './slice-cells.ts'
import { sliceItems } from './slice-items.ts'

interface Slice {
  track: number
  t: number
  dur: number
  name: number
}

const TRACKS = [1, 2, 3]
/** Whole ns, so that sums are exact; durations from 0 to beyond what the finest bins hold. */
const slice = fc.record({
  track: fc.constantFrom(...TRACKS),
  t: fc.oneof(fc.integer({ min: -5e9, max: 20e9 }), fc.integer({ min: 0, max: 4_000_000 })),
  dur: fc.oneof(
    fc.integer({ min: 0, max: 5000 }),
    fc.integer({ min: 0, max: 50_000_000 }),
    fc.integer({ min: 0, max: 12e9 }),
  ),
  name: fc.integer({ min: 1, max: 5 }),
})

async function runOf(slices: readonly Slice[], samples: Tables['counters'] = []): Promise<RunReader> {
  return memoryRun({
    slices: slices.map(({ track, t, dur, name }, i) => ({
      ...{ slice_id: i + 1, track_id: track, t_ns: t, dur_ns: dur, name_id: name },
    })),
    counters: samples,
  })
}

type Sums = Map<string, { n: number; busy: number }>

/** The definition itself: every slice against every pixel. */
function bruteForce(slices: readonly Slice[], level: number, index: number): Sums {
  const width = binNs(level)
  const sums: Sums = new Map()
  for (const { track, t, dur } of slices) {
    for (let bin = 0; bin < TILE_BINS; bin++) {
      const from = (index * TILE_BINS + bin) * width
      if (Math.floor(t / width) * width > from || Math.floor((t + dur) / width) * width < from) continue
      const key = `${track}/${bin}`
      const sum = sums.get(key) ?? { n: 0, busy: 0 }
      if (t >= from && t < from + width) sum.n++
      sum.busy += Math.max(0, Math.min(t + dur, from + width) - Math.max(t, from))
      sums.set(key, sum)
    }
  }
  return sums
}

function fromCells(byTrack: ReadonlyMap<number, Columns>): Sums {
  const sums: Sums = new Map()
  for (const { data } of byTrack.values()) {
    const [track, bin, n, busy] = data as [number[], number[], number[], number[]]
    for (let i = 0; i < track.length; i++)
      sums.set(`${track[i]}/${bin[i]}`, { n: n[i] as number, busy: busy[i] as number })
  }
  return sums
}

function closeTo(found: Sums, expected: Sums): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort())
  for (const [key, { n, busy }] of expected) {
    expect(found.get(key)?.n).toBe(n)
    expect(Math.abs((found.get(key)?.busy ?? 0) - busy)).toBeLessThanOrEqual(1e-6 * Math.max(1, busy))
  }
}

const level = fc.constantFrom(-4, 0, 4, 8, 10)
const index = fc.integer({ min: -2, max: 6 })

test('a tile summed by SQL from slices equals brute force', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(slice, { maxLength: 60 }), level, index, async (slices, at, i) => {
      const run = await runOf(slices)
      try {
        const long = await readLongSlices(run, slices.length)
        closeTo(fromCells(await sliceCells(run, long, at, i, TRACKS, false)), bruteForce(slices, at, i))
      } finally {
        await run.close()
      }
    }),
    { numRuns: 25, endOnFailure: true },
  )
})

test('a tile from mips equals brute force, slices that mips leave out among them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(slice, { minLength: 1, maxLength: 60 }),
      fc.constantFrom(MIP_LEVEL, 14, 18),
      fc.integer({ min: -1, max: 9 }),
      async (slices, at, i) => {
        const run = await runOf(slices)
        try {
          const mips = await run.query(`SELECT * FROM (${slicesMips('slices')})`)
          const summed = await memoryRun({ mips, slices: (await run.query('SELECT * FROM slices')) as never })
          try {
            const long = await readLongSlices(summed, slices.length)
            closeTo(fromCells(await sliceCells(summed, long, at, i, TRACKS, true)), bruteForce(slices, at, i))
          } finally {
            await summed.close()
          }
        } finally {
          await run.close()
        }
      },
    ),
    { numRuns: 25, endOnFailure: true },
  )
})

test('single slices sum to what brute force counts, and leave no pixel with data empty', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(slice, { maxLength: 60 }), level, index, async (slices, at, i) => {
      const run = await runOf(slices)
      try {
        const long = await readLongSlices(run, slices.length)
        const { fromNs, width } = tileSpan(at, i)
        const expected = bruteForce(slices, at, i)
        const covered = new Set<string>()
        const [found, total] = [new Map<number, [number, number]>(), new Map<number, [number, number]>()]
        for (const { data } of (await sliceItems(run, long, at, i, TRACKS)).values()) {
          const [track, , t, dur, busy, , n] = data as number[][]
          for (let row = 0; row < (track?.length ?? 0); row++) {
            const key = track?.[row] as number
            const [a, b] = found.get(key) ?? [0, 0]
            found.set(key, [a + (n?.[row] as number), b + (busy?.[row] as number)])
            const start = t?.[row] as number
            for (let bin = 0; bin < TILE_BINS; bin++) {
              const from = fromNs + bin * width
              if (start < from + width && start + (dur?.[row] as number) >= from) covered.add(`${key}/${bin}`)
            }
          }
        }
        for (const [key, { n, busy }] of expected) {
          expect(covered.has(key)).toBe(true)
          const track = Number(key.split('/')[0])
          const [a, b] = total.get(track) ?? [0, 0]
          total.set(track, [a + n, b + busy])
        }
        for (const [track, [n, busy]] of total) {
          expect(found.get(track)?.[0]).toBe(n)
          expect(Math.abs((found.get(track)?.[1] ?? 0) - busy)).toBeLessThanOrEqual(1e-6 * Math.max(1, busy))
        }
      } finally {
        await run.close()
      }
    }),
    { numRuns: 25, endOnFailure: true },
  )
})

test('nested and overlapping slices hide none of each other: those of a lane do not overlap', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(slice, { maxLength: 40 }), async (slices) => {
      const run = await runOf(slices)
      try {
        const long = await readLongSlices(run, slices.length)
        for (const { data } of (await sliceItems(run, long, 22, 0, TRACKS)).values()) {
          const [, depth, t, dur, , , n] = data as number[][]
          const single = (depth ?? []).flatMap((lane, i) =>
            n?.[i] === 1 && (dur?.[i] as number) > 0
              ? [{ lane, from: t?.[i] as number, to: (t?.[i] as number) + (dur?.[i] as number) }]
              : [],
          )
          for (const a of single)
            for (const b of single) {
              if (a === b || a.lane !== b.lane) continue
              expect(a.to <= b.from || b.to <= a.from).toBe(true)
            }
        }
      } finally {
        await run.close()
      }
    }),
    { numRuns: 25, endOnFailure: true },
  )
})

test('counters: each pixel has the count and the range of its samples, from mips as from samples', async () => {
  const sample = fc.record({
    track_id: fc.constantFrom(1, 2),
    t_ns: fc.integer({ min: -3e9, max: 9e9 }),
    value: fc.option(fc.integer({ min: -50, max: 50 })),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(sample, { minLength: 1, maxLength: 80 }),
      fc.integer({ min: -1, max: 4 }),
      async (samples, i) => {
        const raw = await runOf([], samples)
        const mips = await raw.query(`SELECT * FROM (${countersMips('counters')})`)
        const summed = await memoryRun({ mips })
        try {
          const bins = new Map<string, number[]>()
          const { fromNs, toNs, width } = tileSpan(MIP_LEVEL, i)
          for (const { track_id, t_ns, value } of samples) {
            if (value === null || t_ns < fromNs || t_ns >= toNs) continue
            const key = `${track_id}/${Math.floor(t_ns / width) - i * TILE_BINS}`
            bins.set(key, [...(bins.get(key) ?? []), value])
          }
          for (const [run, hasMips] of [
            [raw, false],
            [summed, true],
          ] as const) {
            const found = new Map<string, [number, number]>()
            for (const columns of (await counterCells(run, MIP_LEVEL, i, [1, 2], hasMips)).values()) {
              const [track, bin, , min, max] = columns.data as number[][]
              for (let row = 0; row < rowCount(columns); row++) {
                found.set(`${track?.[row]}/${bin?.[row]}`, [min?.[row] as number, max?.[row] as number])
              }
            }
            expect([...found.keys()].sort()).toEqual([...bins.keys()].sort())
            for (const [key, values] of bins) expect(found.get(key)).toEqual([Math.min(...values), Math.max(...values)])
          }
        } finally {
          await raw.close()
          await summed.close()
        }
      },
    ),
    { numRuns: 25, endOnFailure: true },
  )
})

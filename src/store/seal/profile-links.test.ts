import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PROFILE_LINKS } from './profile-links.ts'

interface Step {
  id: number
  track: number
  from: number
  to: number
  tokens: number
}

/** Links of logged steps to profiled ones, `logged -> profiled`, sorted. */
async function linksOf(logged: Step[], profiled: Step[]) {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const rows = (steps: Step[], category: string) =>
    steps.map(({ id, track, from, to, tokens }) => `(${id}, ${track}, ${from}, ${to - from}, ${tokens}, '${category}')`)
  const all = [...rows(logged, 'step'), ...rows(profiled, 'user_annotation')]
  await connection.run(
    `CREATE TABLE slices AS SELECT id::UINTEGER AS slice_id, track::UINTEGER AS track_id, t::DOUBLE AS t_ns, dur::DOUBLE AS dur_ns,
      tokens::UINTEGER AS tokens, category FROM (VALUES ${all.join(', ')}) v(id, track, t, dur, tokens, category)`,
  )
  const tracks = [
    ...new Set(logged.map(({ track }) => `(${track}, 'steps')`)),
    ...new Set(profiled.map(({ track }) => `(${track}, 'engine_steps')`)),
  ]
  await connection.run(
    `CREATE TABLE tracks AS SELECT id::UINTEGER AS track_id, name, 'engine' AS layer FROM (VALUES ${tracks.join(', ')}) v(id, name)`,
  )
  const found = (await connection.runAndReadAll(PROFILE_LINKS)).getRowObjects()
  connection.closeSync()
  instance.closeSync()
  return found.map(({ src_id, dst_id }) => [Number(src_id), Number(dst_id)]).sort(([a = 0], [b = 0]) => a - b)
}

it('ties steps that overlap, as asynchronous scheduling makes them, each to the one that ran it', async () => {
  // A step is put together while the one before it runs: the log's overlap, the profile's do not.
  const steps = fc.array(
    fc.record({
      runs: fc.integer({ min: 10, max: 500 }),
      gap: fc.integer({ min: 0, max: 20 }),
      tokens: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 1, maxLength: 30 },
  )
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (made, overlapping) => {
      const logged: Step[] = []
      const profiled: Step[] = []
      let now = 1000
      made.forEach(({ runs, gap, tokens }, i) => {
        const from = now + gap
        const to = from + runs
        // The scheduler's call comes while the step before still runs; tokens are known a little after the end.
        const called = overlapping ? (profiled.at(-1)?.from ?? from) + 1 : from - gap / 2
        logged.push({ id: i + 1, track: 1, from: Math.min(called, from), to: to + Math.min(2, gap / 4), tokens })
        profiled.push({ id: 1001 + i, track: 2, from, to, tokens })
        now = to
      })
      expect(await linksOf(logged, profiled)).toEqual(made.map((_, i) => [i + 1, 1001 + i]))
    }),
    { numRuns: 30 },
  )
})

it('gives no link to a step of other tokens, one that began before its scheduler was asked, or one with no log around it', async () => {
  const logged = [{ id: 1, track: 1, from: 100, to: 200, tokens: 5 }]
  const profiled = (more: Partial<Step>) => [{ id: 9, track: 2, from: 110, to: 190, tokens: 5, ...more }]
  expect(await linksOf(logged, profiled({}))).toEqual([[1, 9]])
  expect(await linksOf(logged, profiled({ tokens: 4 }))).toEqual([])
  expect(await linksOf(logged, profiled({ from: 90 }))).toEqual([])
  expect(await linksOf(logged, profiled({ from: 210, to: 220 }))).toEqual([])
})

it('takes each rank to the engine core whose steps it ran', async () => {
  const core = (track: number, first: number, tokens: number[]) =>
    tokens.map((each, i) => ({ id: first + i, track, from: 100 * i, to: 100 * i + 90, tokens: each }))
  const rank = (track: number, first: number, tokens: number[]) =>
    tokens.map((each, i) => ({ id: first + i, track, from: 100 * i + 10, to: 100 * i + 80, tokens: each }))
  const logged = [...core(1, 1, [7, 2, 2]), ...core(2, 11, [9, 3, 2])]
  const profiled = [...rank(3, 101, [9, 3, 2]), ...rank(4, 201, [7, 2, 2]), ...rank(5, 301, [7, 2, 2])]
  const links = await linksOf(logged, profiled)
  expect(new Set(links.map(String))).toEqual(
    new Set(['11,101', '12,102', '13,103', '1,201', '2,202', '3,203', '1,301', '2,302', '3,303']),
  )
})

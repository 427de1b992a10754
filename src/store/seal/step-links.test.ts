import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { writeStepLinks } from './step-links.ts'

interface Request {
  /** Tokens that each step of the request gave out. */
  steps: number[]
  /** Tokens of each event; null: the server did not say. */
  events: (number | null)[]
}

async function linksOf(requests: Request[]) {
  const folder = join(tempFolder(), 'run')
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const write = async (table: string, select: string) => {
    mkdirSync(join(folder, table), { recursive: true })
    await connection.run(`COPY (${select}) TO '${join(folder, table, 'part-0-0.parquet')}' (FORMAT parquet)`)
  }
  const steps = requests.flatMap(({ steps }, request) => steps.map((emitted, i) => ({ request, emitted, i })))
  const events = requests.flatMap(({ events }, request) => events.map((tokens, i) => ({ request, tokens, i })))
  await write('tracks', `SELECT 1::UINTEGER AS track_id, 'engine' AS layer, 'scheduled requests' AS name`)
  await write('strings', `SELECT * FROM (VALUES (1, 'prefill'), (2, 'decode'), (3, 'chunked prefill')) t(id, text)`)
  await write(
    'slices',
    `SELECT request_id::UINTEGER AS request_id, step_id::UINTEGER AS step_id, step_id::UINTEGER AS slice_id, t_ns::DOUBLE AS t_ns, 0::DOUBLE AS dur_ns, 1::UINTEGER AS tokens, 1::UINTEGER AS track_id, 'scheduled' AS category, name_id, args FROM (VALUES ${steps
      .map(
        ({ request, emitted, i }) =>
          `(${request}, ${1000 * request + i}, ${i}, ${emitted === 0 ? 3 : 2}, ${emitted > 1 ? `'{"emitted":${emitted}}'` : 'NULL'})`,
      )
      .join(', ')}) t(request_id, step_id, t_ns, name_id, args)`,
  )
  await write(
    'chunks',
    `SELECT request_id::UINTEGER AS request_id, i::UINTEGER AS "index", tokens::UINTEGER AS tokens, 'content' AS kind FROM (VALUES ${events
      .map(({ request, tokens, i }) => `(${request}, ${i}, ${tokens})`)
      .join(', ')}) t(request_id, i, tokens)`,
  )
  const rows = await writeStepLinks(folder, '200MB')
  const read = await connection.runAndReadAll(
    `SELECT src_id, src_index, dst_id, share, confidence FROM read_parquet('${join(folder, 'links', '*.parquet')}') ORDER BY ALL`,
  )
  expect(read.currentRowCount).toBe(rows)
  return read.getRows().map(([request, event, step, share, how]) => ({
    ...{ request: Number(request), event: Number(event), step: Number(step), share: Number(share), how: String(how) },
  }))
}

it('ties each event to the step of its token', async () => {
  // A prefill in two steps, then three tokens; the second request's server counts nothing.
  const links = await linksOf([
    { steps: [0, 1, 1, 1], events: [0, 1, 1, 1] },
    { steps: [1, 1], events: [null, null] },
  ])
  expect(links).toEqual([
    { request: 0, event: 1, step: 1, share: 1, how: 'measured' },
    { request: 0, event: 2, step: 2, share: 1, how: 'measured' },
    { request: 0, event: 3, step: 3, share: 1, how: 'measured' },
    { request: 1, event: 0, step: 1000, share: 1, how: 'inferred' },
    { request: 1, event: 1, step: 1001, share: 1, how: 'inferred' },
  ])
})

it('splits an event over the steps of its tokens, and a step over its events', async () => {
  const links = await linksOf([{ steps: [1, 3, 1], events: [2, 2, 1] }])
  expect(links.map(({ event, step, share }) => [event, step, share])).toEqual([
    [0, 0, 0.5],
    [0, 1, 0.5],
    [1, 1, 1],
    [2, 2, 1],
  ])
})

it('leaves no token of an event over, whatever the bundles', async () => {
  const counts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(counts, counts, async (steps, events) => {
      const total = steps.reduce((a, b) => a + b)
      const cut: number[] = []
      for (let left = total, i = 0; left > 0; i++) {
        const tokens = Math.min(left, events[i % events.length] as number)
        cut.push(tokens)
        left -= tokens
      }
      const links = await linksOf([{ steps, events: cut }])
      cut.forEach((_, event) => {
        const shares = links.filter((link) => link.event === event).map(({ share }) => share)
        expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 9)
      })
      steps.forEach((tokens, step) => {
        const given = links
          .filter((link) => link.step === step)
          .map(({ event, share }) => share * (cut[event] as number))
        expect(given.reduce((a, b) => a + b)).toBeCloseTo(tokens, 9)
      })
    }),
    { numRuns: 15 },
  )
})

it('writes nothing for a run without a step log', async () => {
  expect(await writeStepLinks(tempFolder(), '200MB')).toBe(0)
})

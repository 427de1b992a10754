import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { expect, it } from 'vitest'
import { type Simulated, simulate } from '../../../test/support/simulated-scheduler.ts'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { writeInferredLinks } from './inferred-links.ts'

/** A run's parts: the steps as a profile shows them, the requests as their client saw them. */
async function runOf(sim: Simulated, more: { logged?: boolean } = {}): Promise<[string, DuckDBConnection]> {
  const folder = join(tempFolder(), 'run')
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const write = async (table: string, columns: string, rows: readonly string[]) => {
    mkdirSync(join(folder, table), { recursive: true })
    const path = join(folder, table, 'part-0-0.parquet')
    await connection.run(
      `COPY (SELECT ${columns}) TO '${path}' (FORMAT parquet)`.replace('ROWS', `(VALUES ${rows.join(', ')})`),
    )
  }
  const name = ({ prefills, prefillTokens, decodes, decodeTokens }: Simulated['steps'][number]) =>
    `execute_context_${prefills}(${prefillTokens})_generation_${decodes}(${decodeTokens})`
  const names = [...new Set(sim.steps.map(name))]
  await write(
    'strings',
    'id::UINTEGER AS id, text FROM ROWS t(id, text)',
    names.map((text, i) => `(${i}, '${text}')`),
  )
  // The second rank shows the same steps once more.
  await write('tracks', `id::UINTEGER AS track_id, 'engine' AS layer, 'engine_steps' AS name FROM ROWS t(id)`, [
    '(1)',
    '(2)',
  ])
  const category = more.logged === true ? 'step' : 'user_annotation'
  await write(
    'slices',
    `id::UINTEGER AS slice_id, track::UINTEGER AS track_id, t_ns::DOUBLE AS t_ns, dur_ns::DOUBLE AS dur_ns, name::UINTEGER AS name_id,
      '${category}' AS category, tokens::UINTEGER AS tokens FROM ROWS t(id, track, t_ns, dur_ns, name, tokens)`,
    sim.steps.flatMap((step) =>
      [0, 100_000].map(
        (rank) =>
          `(${step.id + rank}, ${rank === 0 ? 1 : 2}, ${step.tNs}, ${step.durNs}, ${names.indexOf(name(step))}, ${step.prefillTokens + step.decodeTokens})`,
      ),
    ),
  )
  await write(
    'requests',
    `id::UINTEGER AS request_id, sent::DOUBLE AS sent_ns, sent::DOUBLE AS scheduled_ns, ended::DOUBLE AS end_ns, input::UINTEGER AS input_tokens,
      cached::UINTEGER AS cached_tokens, output::UINTEGER AS output_tokens, 1000::UINTEGER AS requested_tokens, 'ok' AS status,
      finish AS finish_reason FROM ROWS t(id, sent, ended, input, cached, output, finish)`,
    sim.requests.map(
      ({ id, sentNs, endNs, inputTokens, cachedTokens, outputTokens, stopped }) =>
        `(${id}, ${sentNs}, ${endNs}, ${inputTokens}, ${cachedTokens}, ${outputTokens}, '${stopped ? 'stop' : 'length'}')`,
    ),
  )
  await write(
    'chunks',
    `id::UINTEGER AS request_id, i::UINTEGER AS "index", t_ns::DOUBLE AS t_ns, tokens::UINTEGER AS tokens, 'content' AS kind FROM ROWS t(id, i, t_ns, tokens)`,
    sim.requests.flatMap(({ id, events }) =>
      events.map(({ index, tNs, tokens }) => `(${id}, ${index}, ${tNs}, ${tokens})`),
    ),
  )
  return [folder, connection]
}

const PLAN = {
  seed: 3,
  requests: 40,
  budget: 256,
  sequences: 8,
  everyMs: 12,
  prompts: [17, 60, 400],
  outputs: [2, 9, 30],
}

it('writes what the replay says, and what it does not know', async () => {
  const sim = simulate({ ...PLAN, cacheTokens: 800, everyMs: 8 })
  expect(sim.preemptions).toBeGreaterThan(0)
  const [folder, connection] = await runOf(sim)
  const written = await writeInferredLinks(folder, '200MB')
  const rows = await connection.runAndReadAll(
    `SELECT src_kind, src_id, src_index, dst_kind, dst_id, kind, share, confidence FROM read_parquet('${join(folder, 'links', '*.parquet')}')`,
  )
  expect(rows.currentRowCount).toBe(written)
  const links = rows.getRowObjects() as { src_id: number; src_index: number; dst_id: number; confidence: string }[]
  expect(links[0]).toMatchObject({ src_kind: 'chunk', dst_kind: 'slice', kind: 'token of step', share: 1 })
  const inferred = links.filter(({ confidence }) => confidence === 'inferred')
  const wrong = inferred.filter(({ src_id, src_index, dst_id }) => sim.truth.get(src_id)?.[src_index] !== dst_id)
  expect(wrong).toEqual([])
  expect(inferred.length).toBeGreaterThan(100)
  expect(links.filter(({ confidence }) => confidence === 'unresolved').length).toBeGreaterThan(10)
  expect(new Set(links.map(({ confidence }) => confidence))).toEqual(new Set(['inferred', 'unresolved']))
})

it("leaves a run with the engine's own log to that", async () => {
  const [folder] = await runOf(simulate(PLAN), { logged: true })
  expect(await writeInferredLinks(folder, '200MB')).toBe(0)
})

it('writes nothing for a run without a profile', async () => {
  expect(await writeInferredLinks(tempFolder(), '200MB')).toBe(0)
})

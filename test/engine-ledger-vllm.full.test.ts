import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, it } from 'vitest'
import { interference, victimOf } from '../src/analysis/interference/interference.ts'
import { openRun } from '../src/store/read/open-run.ts'
import { writeInferredLinks } from '../src/store/seal/inferred-links.ts'
import { layerline } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'
import { useVllm } from './support/vllm.ts'

const MINUTES = 60_000
const vllm = useVllm({ model: 'tiny' })

/** The same run without the engine's log of its steps, its tokens tied to the profile's steps by inference, as sealing does it. */
async function withoutLog(folder: string): Promise<string> {
  const copy = join(tempFolder(), 'inferred')
  cpSync(folder, copy, { recursive: true })
  rmSync(join(copy, 'links'), { recursive: true })
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  for (const name of readdirSync(join(copy, 'slices'))) {
    const [from, to] = [join(folder, 'slices', name), join(copy, 'slices', name)]
    await connection.run(
      `COPY (FROM read_parquet('${from}') WHERE category NOT IN ('step', 'scheduled', 'preemption')) TO '${to}' (FORMAT parquet)`,
    )
  }
  connection.closeSync()
  instance.closeSync()
  expect(await writeInferredLinks(copy, '1GB')).toBeGreaterThan(0)
  return copy
}

it(
  "a run's ledger by inference is that by the engine's log, as far as it knows the requests",
  async () => {
    const folder = tempFolder()
    // Decodes side by side, and two prompts that take most of a step. All under way while the profile looks.
    const rows = [...Array.from({ length: 6 }, (_, i) => `${2 + i / 20},${16 + 9 * i},120`), '2.6,1400,4', '2.9,900,4']
    writeFileSync(join(folder, 'arrivals.csv'), `ts,in,out\n0,16,2\n${rows.join('\n')}\n`)
    const out = join(folder, 'run')
    const arrivals = ['--trace', join(folder, 'arrivals.csv'), '--format', 'table', '--time-unit', 's']
    const layers = ['--profile', '--profile-window', '0+60']
    const run = layerline(folder, [
      'replay',
      ...arrivals,
      '--url',
      vllm.engine.url,
      '--seed',
      '7',
      '--out',
      out,
      '--quiet',
      ...layers,
    ])
    expect((await run).code).toBe(0)
    const logged = await openRun(out)
    const inferred = await openRun(await withoutLog(out))
    const [truth, found] = [await interference(logged), await interference(inferred)]
    expect(truth).toMatchObject({ steps_from: 'step_log', confidence: 'measured' })
    expect(found).toMatchObject({ steps_from: 'inferred', confidence: 'inferred' })
    let [known, differs, lost, sameCulprit] = [0, 0, 0, 0]
    const ids = (await logged.query('SELECT request_id FROM requests ORDER BY 1')).map((row) => Number(row.request_id))
    for (const id of ids) {
      const [a, b] = [await victimOf(logged, id), await victimOf(inferred, id)]
      if (a === null || b === null) continue
      known++
      // Either way the parts are the whole.
      for (const { measured_ms, wait_ms, own_ms, lost_ms, between_ms, delivery_ms } of [a, b])
        expect(wait_ms + own_ms + lost_ms + between_ms + delivery_ms).toBeCloseTo(measured_ms, 6)
      const shareOf = (victim: typeof a) =>
        new Map(victim.lost_to.map(({ request_id, ms }) => [request_id, ms / victim.lost_ms]))
      const [left, right] = [shareOf(a), shareOf(b)]
      for (const culprit of new Set([...left.keys(), ...right.keys()]))
        differs += Math.abs((left.get(culprit) ?? 0) - (right.get(culprit) ?? 0)) * a.lost_ms
      lost += a.lost_ms
      if (a.lost_to[0]?.request_id === b.lost_to[0]?.request_id) sameCulprit++
    }
    expect(known).toBeGreaterThanOrEqual(ids.length - 1)
    // The log's steps include scheduling and sampling, the profile's the model alone: cells are compared by their share of what the victim lost.
    expect(differs).toBeLessThan(0.1 * lost)
    expect(sameCulprit).toBeGreaterThanOrEqual(known - 1)
    await logged.close()
    await inferred.close()
  },
  4 * MINUTES,
)

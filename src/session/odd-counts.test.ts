import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { analyseRun } from '../analysis/analyse-run.ts'
import { openSealedRun } from '../exports/sealed-run.ts'
import { openRun } from '../store/read/open-run.ts'
import { recoverRun } from '../store/seal/recover.ts'
import { codeOf } from '../trace/columns.ts'
import { CHUNK_KINDS, PHASES, STATUSES, TOKEN_SOURCES } from '../trace/tables.ts'
import { Recording } from './recording.ts'

/** The largest that the column holds: one above is NULL. */
const MOST = 4_294_967_294

/** Two requests with whatever a server may say, and one that never ended. */
async function record(out: string): Promise<Recording> {
  const recording = await Recording.start(
    { command: 'load', out, config: {}, sampling: {}, seed: 7, hosts: [], engine: null },
    (error) => expect.unreachable(error.message),
  )
  const { requests, chunks, offers } = recording.store.writers
  const phase = codeOf(PHASES, 'measured')
  for (const request_id of [0, 1, 2]) {
    const t_ns = request_id * 1e9
    offers.append({ request_id, shard: 0, scheduled_ns: t_ns, sent_ns: t_ns, phase, repeat: 0 })
    for (const index of [0, 1, 2]) {
      chunks.append({
        request_id,
        index,
        t_ns: t_ns + (index + 1) * 1e8,
        late_ns: 0,
        tokens: MOST,
        bytes: MOST,
        kind: codeOf(CHUNK_KINDS, 'content'),
        coalesced: false,
      })
    }
    if (request_id === 2) break
    requests.append({
      request_id,
      shard: 0,
      scheduled_ns: t_ns,
      sent_ns: t_ns,
      headers_ns: t_ns + 1e7,
      first_token_ns: t_ns + 1e8,
      last_token_ns: t_ns + 3e8,
      end_ns: t_ns + 3e8,
      status: codeOf(STATUSES, 'ok'),
      phase,
      repeat: 0,
      profiled: false,
      input_tokens: request_id === 0 ? MOST : 3,
      cached_tokens: request_id === 0 ? 0 : MOST,
      output_tokens: MOST,
      reasoning_tokens: MOST,
      requested_tokens: MOST,
      intended_input_tokens: MOST,
      intended_cached_tokens: MOST,
      token_source: codeOf(TOKEN_SOURCES, 'usage'),
    })
  }
  return recording
}

describe('counts as large as their column holds', () => {
  test('are summed by every report, and by SQL', async () => {
    const out = join(tempFolder(), 'run')
    await (await record(out)).finish()
    const run = await openRun(out)
    try {
      for (const definitions of [undefined, 'vllm', 'aiperf', 'guidellm'] as const) {
        const report = await analyseRun(run, definitions === undefined ? {} : { definitions })
        expect(report.tokens.output_tokens).toBe(2 * MOST)
      }
      expect(
        await run.query(
          'SELECT sum(input_tokens + output_tokens) AS s, min(input_tokens - cached_tokens) AS d FROM requests JOIN chunks USING (request_id)',
        ),
      ).toEqual([{ s: 3 * (3 * MOST + 3), d: 3 - MOST }])
    } finally {
      await run.close()
    }
  })

  test('of a run that is recorded, too; and a request without its end can be sealed', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await record(out)
    await recording.store.commit()
    const live = await openRun(out)
    expect(await live.query('SELECT max(input_tokens + output_tokens) AS most FROM requests')).toEqual([
      { most: 2 * MOST },
    ])
    await live.close()
    await recording.store.close()
    await recoverRun(out)
    const run = await openRun(out)
    expect(await run.query("SELECT output_tokens FROM requests WHERE status = 'interrupted'")).toEqual([
      { output_tokens: MOST },
    ])
    await run.close()
  })

  test('keep their type in what is exported', async () => {
    const out = join(tempFolder(), 'run')
    await (await record(out)).finish()
    const sealed = await openSealedRun(out)
    expect(await sealed.rows('SELECT typeof(input_tokens) AS type FROM requests LIMIT 1')).toEqual([
      { type: 'UINTEGER' },
    ])
    sealed.close()
  })
})

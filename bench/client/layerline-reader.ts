import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { createRunClock } from '../../src/base/time.ts'
import { type ClientSinks, RequestClient } from '../../src/sources/requests/client.ts'
import { probeServer } from '../../src/sources/requests/probe.ts'
import { resolveTarget } from '../../src/sources/requests/target.ts'
import { LiveStore } from '../../src/store/live/live-store.ts'
import { liveFile } from '../../src/store/run-folder.ts'
import { codeOf } from '../../src/trace/columns.ts'
import { CHUNK_KINDS } from '../../src/trace/tables.ts'
import type { Job, Reader, Seen } from './job.ts'

const RUN_ID = 'bench'

/**
 * Our client, its rows recorded into a live store in a temporary folder. With `runningUsage` it asks for the token
 * count in every event, as it does of a vLLM server.
 */
export async function layerlineReader(job: Job, runningUsage: boolean): Promise<Reader> {
  const folder = await mkdtemp(join(tmpdir(), 'layerline-bench-'))
  const clock = createRunClock()
  const store = await LiveStore.open({ folder, shard: 0, socket: null }, (error) => {
    throw error
  })
  const { requests, chunks, offers } = store.writers
  const sinks: ClientSinks = { requests, chunks, offers, texts: null }
  const target = resolveTarget({ url: job.url, endpoint: 'completions' })
  const info = runningUsage ? await probeServer(target) : null
  const options = { runId: RUN_ID, shard: 0, keepTexts: false, keepTokenIds: false }
  const client = new RequestClient(target, info, sinks, clock, options)
  const samplings = new Map<unknown, Record<string, unknown>>()
  let stopped: Promise<unknown> | null = null
  const stop = () => {
    stopped ??= client.close().then(() => store.close())
    return stopped
  }
  return {
    async send(index, body) {
      const sampling = samplings.get(body.paced) ?? { paced: body.paced }
      samplings.set(body.paced, sampling)
      const outcome = await client.send({
        requestId: index,
        promptId: null,
        scheduledNs: clock.now(),
        prompt: body.prompt,
        maxTokens: body.max_tokens,
        model: body.model,
        sampling,
        phase: 'measured',
        repeat: 0,
        attrs: null,
        stream: true,
      })
      return outcome.status === 'ok' ? outcome.outputTokens : null
    },
    settle: () => store.commit(),
    async seen(from) {
      await stop()
      return recorded(liveFile(folder, 0), from)
    },
    async close() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const TOKEN_KINDS = (['content', 'reasoning', 'tool'] as const).map((kind) => codeOf(CHUNK_KINDS, kind)).join(', ')

/** Reads the rows back from the file that the store wrote. */
async function recorded(file: string, from: number): Promise<Seen[]> {
  const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' })
  const connection = await instance.connect()
  const reader = await connection.runAndReadAll(`
    SELECT r.request_id, r.sent_ns, list(c.t_ns ORDER BY c.index) AS stamps
    FROM live_requests r JOIN live_chunks c USING (request_id)
    WHERE r.request_id >= ${from} AND c.kind IN (${TOKEN_KINDS})
    GROUP BY ALL`)
  const rows = reader.getRowsJS() as [number, number, number[]][]
  connection.closeSync()
  instance.closeSync()
  return rows.map(([id, sentNs, stampsNs]) => ({ key: `${RUN_ID}-${id}`, sentNs, stampsNs }))
}

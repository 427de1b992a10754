import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { Recording } from '../src/session/recording.ts'
import type { LiveStore } from '../src/store/live/live-store.ts'
import { createLiveTable } from '../src/store/live-schema.ts'
import { definitions, type Figure, figure, figureTable } from './client/figures.ts'

const STREAMS = 64
/** Rows between two looks at how far the store is behind. */
const BURST_ROWS = 65_536

/**
 * `node dist/bench/store.js [--quick] [--json]`: full chunk rows into the live store, bytes a chunk when sealed, and
 * what the client's thread feels of the commits. The peer is the database's own row-by-row appender in this thread.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  })
  const rows = values.quick ? 2_000_000 : 10_000_000
  const repetitions = values.quick ? 1 : 3
  const live: number[] = []
  const bytes: number[] = []
  const peer: number[] = []
  for (let i = 0; i < repetitions; i++) {
    const { rowsPerSecond, bytesPerChunk } = await fill(rows)
    live.push(rowsPerSecond)
    bytes.push(bytesPerChunk)
    peer.push(await rowByRow(rows / 10))
  }
  const stall = await stalls(values.quick ? 3 : 10)
  const figures: Figure[] = [
    figure(
      'live store',
      'M rows/s',
      'full chunk rows (8 columns) written and committed, from the first row to the last commit; nothing dropped',
      live.map((v) => v / 1e6),
      2,
      'at_least',
    ),
    figure(
      'row by row',
      'M rows/s',
      "the same rows through the database's row appender, committed each 65,536, in this thread",
      peer.map((v) => v / 1e6),
    ),
    figure(
      'live store / row by row',
      'x',
      'the two above, pair by pair',
      live.map((v, i) => v / (peer[i] ?? Number.NaN)),
    ),
    figure(
      'bytes per chunk, sealed',
      'B',
      'size of the Parquet parts of `chunks` divided by their rows; 64 streams, gaps with jitter',
      bytes,
    ),
    figure(
      'loop delay, idle',
      'ms',
      "longest delay of this thread's event loop beyond its 1 ms timer, nothing written",
      [stall.idle],
    ),
    figure(
      'loop delay, committing',
      'ms',
      'the same while 20,000 rows/s are written and committed every 150 ms by the store thread',
      [stall.writing],
    ),
    figure(
      'commit, in its thread',
      'ms',
      'longest flush and commit in the store thread in that time: what the client would have waited',
      [stall.commit],
    ),
  ]
  if (values.json)
    process.stdout.write(
      `${JSON.stringify({ environment: { node: process.version, platform: `${process.platform} ${process.arch}` }, figures }, null, 2)}\n`,
    )
  else process.stdout.write(`${figureTable(figures)}\n\n${definitions(figures)}\n`)
  if (figures.some((f) => f.met === false)) process.exitCode = 1
}

async function record<T>(
  work: (store: LiveStore) => Promise<T>,
): Promise<{ result: T; folder: string; longestCommitMs: number }> {
  const folder = join(mkdtempSync(join(tmpdir(), 'layerline-bench-')), 'run')
  const recording = await Recording.start(
    { command: 'bench', out: folder, config: {}, sampling: {}, seed: 1, hosts: [], engine: null },
    (error) => {
      throw error
    },
  )
  const result = await work(recording.store)
  const run = await recording.finish()
  if ((run.layers.chunks?.dropped ?? 0) > 0) throw new Error('rows were dropped: the figure would lie')
  return { result, folder, longestCommitMs: recording.longestCommitMs }
}

/** Row `i` of a run of 64 streams: gaps of 20 ms with some jitter, as a server makes them. */
function writeRow(writer: LiveStore['writers']['chunks'], i: number): void {
  const at = writer.next()
  const c = writer.columns
  const stream = i % STREAMS
  const index = (i - stream) / STREAMS
  c.request_id[at] = stream + STREAMS * Math.floor(index / 512)
  c.index[at] = index % 512
  c.t_ns[at] = index * 20e6 + stream * 300e3 + ((i * 2654435761) % 4_000_000)
  c.late_ns[at] = (i * 40503) % 60_000
  c.tokens[at] = 1
  c.bytes[at] = 220 + (i % 17)
  c.kind[at] = 1
  c.coalesced[at] = 0
  if (stream === STREAMS - 1) writer.settle()
}

async function fill(rows: number): Promise<{ rowsPerSecond: number; bytesPerChunk: number }> {
  const { result, folder } = await record(async (store) => {
    const start = performance.now()
    for (let i = 0; i < rows; ) {
      for (const end = Math.min(rows, i + BURST_ROWS); i < end; i++) writeRow(store.writers.chunks, i)
      await new Promise((resolve) => setImmediate(resolve))
      // Written no faster than the store takes it, so that nothing is dropped and memory stays bounded.
      if (store.queued > 8 * BURST_ROWS) await store.commit()
    }
    await store.commit()
    return rows / ((performance.now() - start) / 1000)
  })
  const parts = readdirSync(join(folder, 'chunks')).map((name) => statSync(join(folder, 'chunks', name)).size)
  rmSync(join(folder, '..'), { recursive: true, force: true })
  return { rowsPerSecond: result, bytesPerChunk: parts.reduce((sum, size) => sum + size, 0) / rows }
}

async function rowByRow(rows: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'layerline-bench-'))
  const instance = await DuckDBInstance.create(join(folder, 'peer.duckdb'), { threads: '1' })
  const connection = await instance.connect()
  await connection.run(createLiveTable('chunks'))
  const appender = await connection.createAppender('live_chunks')
  const start = performance.now()
  for (let i = 0; i < rows; i++) {
    appender.appendUInteger(i % STREAMS)
    appender.appendUInteger(i)
    appender.appendDouble(i * 1000)
    appender.appendDouble(0)
    appender.appendUInteger(1)
    appender.appendUInteger(220)
    appender.appendUTinyInt(1)
    appender.appendBoolean(false)
    appender.endRow()
    if (i % BURST_ROWS === BURST_ROWS - 1) appender.flushSync()
  }
  appender.closeSync()
  const rate = rows / ((performance.now() - start) / 1000)
  connection.closeSync()
  instance.closeSync()
  rmSync(folder, { recursive: true, force: true })
  return rate
}

async function stalls(seconds: number): Promise<{ idle: number; writing: number; commit: number }> {
  const idle = await longestDelay(seconds)
  const { result, folder, longestCommitMs } = await record(async (store) => {
    let i = 0
    const timer = setInterval(() => {
      for (let n = 0; n < 100; n++) writeRow(store.writers.chunks, i++)
    }, 5)
    const writing = await longestDelay(seconds)
    clearInterval(timer)
    return writing
  })
  rmSync(join(folder, '..'), { recursive: true, force: true })
  return { idle, writing: result, commit: longestCommitMs }
}

async function longestDelay(seconds: number): Promise<number> {
  const resolution = 1
  const histogram = monitorEventLoopDelay({ resolution })
  histogram.enable()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  histogram.disable()
  return Math.max(0, histogram.max / 1e6 - resolution)
}

await main()

import { mkdirSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import { literal } from '../../src/store/live-schema.ts'
import { openTrace } from '../../src/workload/arrivals/open-trace.ts'
import { ingest } from '../../src/workload/trace-cache/ingest.ts'
import { formatOf } from '../../src/workload/trace-formats/formats.ts'
import { FileRows } from '../../src/workload/trace-rows/file-rows.ts'
import { rowShape } from '../../src/workload/trace-rows/row-shape.ts'
import { readHead } from '../../src/workload/trace-rows/trace-head.ts'

/** What reading a trace in one way cost, in a process of its own. */
export interface Measured {
  readonly rows: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of the last arrival. */
  readonly spanUs: number
  /** From the call of `openTrace` until it returned, and until the first arrivals came. */
  readonly openMs: number
  readonly firstBatchMs: number
  /** From the first arrivals to the last. */
  readonly drainMs: number
  readonly peakRssMb: number
}

/** What something without arrivals cost. */
export interface WorkMeasured {
  readonly ms: number
  readonly cpuMs: number
  readonly peakRssMb: number
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Reads a trace to its end as `openTrace` gives it. */
export async function measureTrace(path: string, cacheDir: string | undefined, from?: string): Promise<Measured> {
  const began = performance.now()
  const schedule = await openTrace({
    path,
    ...(cacheDir === undefined ? { noCache: true } : { cacheDir }),
    ...(from === undefined ? {} : { from }),
  })
  const opened = performance.now()
  let [rows, inputTokens, outputTokens, spanUs, first] = [0, 0, 0, 0, 0]
  for await (const batch of schedule.batches()) {
    if (first === 0) first = performance.now()
    for (const arrival of batch) {
      inputTokens += arrival.inputTokens
      outputTokens += arrival.outputTokens ?? 0
    }
    rows += batch.length
    spanUs = batch.at(-1)?.tUs ?? spanUs
  }
  const ended = performance.now()
  await schedule.close()
  return {
    rows,
    inputTokens,
    outputTokens,
    spanUs,
    openMs: opened - began,
    firstBatchMs: first - began,
    drainMs: ended - first,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
  }
}

/** The file into a new folder, as `--cache-dir` does it: all that a first use pays for. */
export async function measureIngest(path: string, folder: string): Promise<WorkMeasured & { rows: number }> {
  const cpuBefore = cpuMs()
  const began = performance.now()
  const head = await readHead(path)
  if (head.kind === 'run') throw new Error('expected a file')
  const layout = formatOf(head, 'auto', {}).read(head, {})
  mkdirSync(folder, { recursive: true })
  const { rows } = await ingest(new FileRows(head, layout, { skipBad: false }), path, rowShape(layout), folder)
  const ms = performance.now() - began
  return { rows, ms, cpuMs: cpuMs() - cpuBefore, peakRssMb: process.resourceUsage().maxRSS / 1024 }
}

/** The peer: DuckDB's own CSV reader, given the columns and types, into the same kind of Parquet, all cores. */
export async function measurePeer(path: string, out: string): Promise<WorkMeasured> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const columns = `{TIMESTAMP: 'TIMESTAMPTZ', ContextTokens: 'UINTEGER', GeneratedTokens: 'UINTEGER'}`
  const rows = `SELECT epoch_us("TIMESTAMP")::DOUBLE AS t_us, ContextTokens, GeneratedTokens FROM read_csv(${literal(path)}, header = true, columns = ${columns})`
  const cpuBefore = cpuMs()
  const began = performance.now()
  await connection.run(`COPY (${rows}) TO ${literal(out)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536)`)
  const ms = performance.now() - began
  const peerCpuMs = cpuMs() - cpuBefore
  connection.closeSync()
  instance.closeSync()
  return { ms, cpuMs: peerCpuMs, peakRssMb: process.resourceUsage().maxRSS / 1024 }
}

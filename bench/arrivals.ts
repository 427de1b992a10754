import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { builtFile } from '../src/base/package-files.ts'
import { writeAzureLike } from './arrivals/azure-like.ts'
import { type Measured, measureIngest, measurePeer, measureTrace, type WorkMeasured } from './arrivals/measure.ts'
import { definitions, type Figure, figure, figureTable } from './client/figures.ts'

/**
 * `node dist/bench/arrivals.js [--rows N] [--quick] [--unsorted] [--json]`: reading a trace of arrivals like Azure's week:
 * into the normalised copy, from it, and directly; each in a process of its own, so that its memory is its own. The peer
 * is DuckDB's CSV reader. `--measure ingest|direct|cache|peer --file F [--folder DIR] [--from T]` is one such process.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string' },
      quick: { type: 'boolean', default: false },
      unsorted: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      measure: { type: 'string' },
      file: { type: 'string', default: '' },
      folder: { type: 'string', default: '' },
      from: { type: 'string' },
    },
  })
  if (values.measure !== undefined) {
    const measured =
      values.measure === 'peer'
        ? await measurePeer(values.file, join(values.folder, 'peer.parquet'))
        : values.measure === 'ingest'
          ? await measureIngest(values.file, values.folder)
          : await measureTrace(values.file, values.measure === 'cache' ? values.folder : undefined, values.from)
    process.stdout.write(JSON.stringify(measured))
    return
  }
  const rows = Number(values.rows ?? (values.quick ? 1_000_000 : 5_000_000))
  const repetitions = values.quick ? 1 : 3
  const folder = mkdtempSync(join(tmpdir(), 'layerline-bench-'))
  try {
    const file = join(folder, 'trace.csv')
    const written = await writeAzureLike(file, { rows, seed: 1, rate: 73, lateEvery: values.unsorted ? 1000 : 0 })
    const check = (found: Measured): Measured => {
      if (found.rows !== written.rows || found.inputTokens !== written.inputTokens || found.spanUs !== written.spanUs)
        throw new Error('what was read is not what was written: the figures would lie')
      return found
    }
    const runs = Array.from({ length: repetitions }, (_, i) => {
      const own = join(folder, `cache-${i}`)
      const ingested = child<WorkMeasured & { rows: number }>('ingest', file, join(folder, `ingest-${i}`))
      if (ingested.rows !== written.rows) throw new Error('rows were lost: the figure would lie')
      const made = check(child<Measured>('cache', file, own))
      const cached = check(child<Measured>('cache', file, own))
      const window = child<Measured>('cache', file, own, String(written.spanUs / 2e6))
      const direct = check(child<Measured>('direct', file, folder))
      const peer = child<WorkMeasured>('peer', file, folder)
      for (const done of [own, join(folder, `ingest-${i}`)]) rmSync(done, { recursive: true, force: true })
      return { ingested, made, cached, window, direct, peer }
    })
    const of = (pick: (run: (typeof runs)[number]) => number) => runs.map(pick)
    const figures: Figure[] = [
      figure(
        'ingest',
        'M rows/s',
        'rows of the CSV into a new copy, from opening the file until the copy is whole and on disk',
        of(({ ingested }) => rows / ingested.ms / 1000),
        2,
        'at_least',
      ),
      figure(
        'ingest, peer',
        'M rows/s',
        "DuckDB's read_csv, told columns and types, into zstd Parquet with all cores",
        of(({ peer }) => rows / peer.ms / 1000),
      ),
      figure(
        'ingest, CPU',
        'us a row',
        'CPU time of all threads for that, which says more than the clock on a machine with other work',
        of(({ ingested }) => (ingested.cpuMs * 1000) / rows),
      ),
      figure(
        'ingest, CPU, peer',
        'us a row',
        "of DuckDB's threads",
        of(({ peer }) => (peer.cpuMs * 1000) / rows),
      ),
      figure(
        'first arrivals, direct',
        'ms',
        'from the call of openTrace with --no-cache to the first batch',
        of(({ direct }) => direct.firstBatchMs),
        2000,
        'at_most',
      ),
      figure(
        'first arrivals, copy',
        'ms',
        'the same from a copy that is there',
        of(({ cached }) => cached.firstBatchMs),
      ),
      figure(
        'first arrivals, middle of copy',
        'ms',
        'the same with --from in the middle of the trace',
        of(({ window }) => window.firstBatchMs),
      ),
      figure(
        'read, direct',
        'M rows/s',
        'rows of the CSV made arrivals, after the first batch',
        of(({ direct }) => rows / direct.drainMs / 1000),
      ),
      figure(
        'read, copy',
        'M rows/s',
        'the same from the copy',
        of(({ cached }) => rows / cached.drainMs / 1000),
      ),
      figure(
        'peak RSS, direct',
        'MB',
        'of the process that did it',
        of(({ direct }) => direct.peakRssMb),
        400,
        'at_most',
      ),
      figure(
        'peak RSS, ingest',
        'MB',
        'of the process that made the copy and read it',
        of(({ made }) => made.peakRssMb),
        400,
        'at_most',
      ),
      figure(
        'peak RSS, copy',
        'MB',
        'of the process that read the copy',
        of(({ cached }) => cached.peakRssMb),
        400,
        'at_most',
      ),
      figure(
        'peak RSS, peer',
        'MB',
        "of DuckDB's process",
        of(({ peer }) => peer.peakRssMb),
      ),
    ]
    const environment = { node: process.version, platform: `${process.platform} ${process.arch}` }
    const trace = { rows, bytes: statSync(file).size, sorted: !values.unsorted }
    if (values.json) process.stdout.write(`${JSON.stringify({ environment, trace, figures }, null, 2)}\n`)
    else {
      process.stdout.write(`${rows.toLocaleString('en-US')} rows, ${Math.round(trace.bytes / 1e6)} MB of CSV\n\n`)
      process.stdout.write(`${figureTable(figures)}\n\n${definitions(figures)}\n`)
    }
    if (figures.some((each) => each.met === false)) process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function child<T>(measure: string, file: string, folder: string, from?: string): T {
  const args = [fileURLToPath(builtFile('bench/arrivals')), '--measure', measure, '--file', file, '--folder', folder]
  const output = execFileSync(process.execPath, from === undefined ? args : [...args, '--from', from])
  return JSON.parse(output.toString()) as T
}

await main()

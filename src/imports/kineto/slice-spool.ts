import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { BatchLoader } from '../../store/live/batch-loader.ts'
import type { Columns } from '../../store/live/row-buffer.ts'
import { createTable, literal } from '../../store/live-schema.ts'
import { countersMips, slicesMips } from '../../store/seal/mips.ts'
import { sortKey, writeSelect } from '../../store/seal/write-part.ts'
import { readParquet } from '../../store/sql-files.ts'
import { defineTable } from '../../trace/columns.ts'

/** What is kept of a slice until all are known: the steps, and what time a file's zero stands for. */
export const SPOOLED = defineTable('spooled', 'a slice on its way', 't_ns', {
  file: ['u16', 'number of the file'],
  track: ['u32', 'tracks.track_id'],
  t_ns: ['f64', 'ns since the zero of its file'],
  dur_ns: ['f64', 'duration'],
  name: ['u32', 'strings.id'],
  category: ['u8', 'number of the category'],
  correlation: ['f64?', 'launch to kernel'],
  stream: ['u32?', 'GPU stream'],
  external_id: ['f64?', 'operator to launch'],
  tokens: ['u32?', 'tokens of an engine step'],
  bytes: ['f64?', 'bytes moved'],
})
const WITH_ARGS = defineTable('spooled', SPOOLED.doc, 't_ns', { ...SPOOLED.columns, args: ['text?', 'JSON'] })

/** A counter's sample on its way. */
const SAMPLED = defineTable('sampled', 'a sample on its way', 't_ns', {
  file: ['u16', 'number of the file'],
  track: ['u32', 'tracks.track_id'],
  t_ns: ['f64', 'ns since the zero of its file'],
  value: ['f64', 'value'],
})

/** The database may use this much before it spills: what is spooled is some 60 bytes a slice. */
const MEMORY = '128MB'
/** Of this many slices the joins and the sort need more, at the end; they too spill beyond it. */
const LARGE_ROWS = 2_000_000
const LARGE_MEMORY = '1GB'

/** zstd's level for slices: half the time of its usual one, for some percent of size. */
const FAST = 1

export interface SpoolFacts {
  /** Name of the part to write in each table's folder. */
  readonly part: string
  /** Slice ids follow this one. */
  readonly slicesBefore: number
  /** By the number in the rows. */
  readonly categories: readonly string[]
  /** Added to the times of each file's slices, by its number. */
  readonly shiftsNs: readonly number[]
  /** Tracks of threads that have engine steps, with the track of these. */
  readonly stepTracks: ReadonlyMap<number, number>
}

export interface TrackFacts {
  readonly track: number
  readonly stream: number | null
  readonly firstNs: number
  readonly lastNs: number
  readonly gpu: boolean
}

/**
 * Slices in the order of their files, in a database beside that spills to the run's folder: sorted parts of `slices`,
 * `mips` and `links` are made of them when all are there. Slice ids are in the order of arrival.
 */
export class SliceSpool {
  private readonly instance: DuckDBInstance
  private readonly connection: DuckDBConnection
  private readonly loader: BatchLoader
  private readonly sampleLoader: BatchLoader
  private readonly withArgs: boolean
  private readonly folder: string

  private constructor(
    folder: string,
    withArgs: boolean,
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    loader: BatchLoader,
    sampleLoader: BatchLoader,
  ) {
    this.folder = folder
    this.withArgs = withArgs
    this.instance = instance
    this.connection = connection
    this.loader = loader
    this.sampleLoader = sampleLoader
  }

  static async open(folder: string, withArgs: boolean): Promise<SliceSpool> {
    const spilled = join(folder, 'spool.tmp')
    mkdirSync(spilled, { recursive: true, mode: 0o700 })
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: MEMORY,
      temp_directory: spilled,
      threads: '2',
      // Row ids become slice ids: rows lie in the order they came.
      preserve_insertion_order: 'true',
    })
    const connection = await instance.connect()
    const table = withArgs ? WITH_ARGS : SPOOLED
    await connection.run(createTable(table.name, table))
    await connection.run(createTable(SAMPLED.name, SAMPLED))
    return new SliceSpool(
      folder,
      withArgs,
      instance,
      connection,
      await BatchLoader.openTable(connection, table.name, table.columns),
      await BatchLoader.openTable(connection, SAMPLED.name, SAMPLED.columns),
    )
  }

  append(columns: Columns, rows: number): void {
    this.loader.append(columns, rows)
  }

  /** Samples of counters, as `sampled` has them. */
  appendSamples(columns: Columns, rows: number): void {
    this.sampleLoader.append(columns, rows)
  }

  get rows(): number {
    return this.loader.rows
  }

  get samples(): number {
    return this.sampleLoader.rows
  }

  /** What the rows of each track are; after the last `append`. */
  async tracks(): Promise<TrackFacts[]> {
    this.loader.close()
    this.sampleLoader.close()
    // What is written from here on is sorted by the query itself.
    await this.connection.run('SET preserve_insertion_order = false')
    if (this.rows > LARGE_ROWS) await this.connection.run(`SET memory_limit = '${LARGE_MEMORY}'`)
    const result = await this.connection.runAndReadAll(
      `SELECT track, max(stream), min(t_ns), max(t_ns + dur_ns), bool_or(stream IS NOT NULL AND correlation IS NOT NULL) FROM spooled GROUP BY track`,
    )
    return result.getRows().map(([track, stream, first, last, gpu]) => ({
      track: Number(track),
      stream: stream === null ? null : Number(stream),
      firstNs: Number(first),
      lastNs: Number(last),
      gpu: gpu === true,
    }))
  }

  /** Writes the parts; returns the rows of each table. */
  async write(facts: SpoolFacts): Promise<{ slices: number; mips: number; links: number; counters: number }> {
    const { connection } = this
    const shift = facts.shiftsNs.every((ns) => ns === 0)
      ? 't_ns'
      : `t_ns + list_extract(${list(facts.shiftsNs)}::DOUBLE[], file::BIGINT + 1)`
    await connection.run(
      `CREATE VIEW slices_in AS SELECT (rowid + ${1 + facts.slicesBefore})::UINTEGER AS slice_id, file, track AS track_id, ${shift} AS t_ns, dur_ns,
        name AS name_id, category AS kind, correlation, stream, external_id, tokens, bytes, ${this.withArgs ? 'args' : 'NULL::VARCHAR AS args'} FROM spooled`,
    )
    const step = await this.stepJoin(facts)
    await writeSelect(
      connection,
      this.folder,
      'slices',
      facts.part,
      `SELECT e.slice_id, e.track_id, e.t_ns, e.dur_ns, e.name_id,
        list_extract(${list(facts.categories.map(literal))}, e.kind::BIGINT + 1) AS category, ${step.column} AS step_id, NULL::UINTEGER AS request_id,
        e.correlation, e.stream, e.external_id, e.tokens, e.bytes, e.args
      FROM slices_in e ${step.joins} ORDER BY e.t_ns`,
      FAST,
    )
    await connection.run(`CREATE VIEW samples_in AS SELECT track AS track_id, ${shift} AS t_ns, value FROM sampled`)
    if (this.samples > 0) {
      const samples = `SELECT track_id, t_ns, value FROM samples_in ORDER BY ${sortKey('counters')}`
      await writeSelect(connection, this.folder, 'counters', facts.part, samples, FAST)
    }
    const mips = `${slicesMips('slices_in')} UNION ALL ${countersMips('samples_in')}`
    await writeSelect(connection, this.folder, 'mips', facts.part, `${mips} ORDER BY ${sortKey('mips')}`)
    const links = await this.writeLinks(facts)
    return { slices: this.rows, mips: await this.count('mips', facts.part), links, counters: this.samples }
  }

  close(): void {
    this.connection.closeSync()
    this.instance.closeSync()
  }

  /** How a slice finds its step: on its thread by time; on a GPU stream through the call that launched it. */
  private async stepJoin(facts: SpoolFacts): Promise<{ column: string; joins: string }> {
    if (facts.stepTracks.size === 0) return { column: 'NULL::UINTEGER', joins: '' }
    const { connection } = this
    const pairs = [...facts.stepTracks].map(([track, steps]) => `(${track}::UINTEGER, ${steps}::UINTEGER)`)
    await connection.run(
      `CREATE TEMP TABLE threads AS SELECT * FROM (VALUES ${pairs.join(', ')}) AS t(track_id, step_track)`,
    )
    await connection.run(
      `CREATE TEMP TABLE steps AS SELECT slice_id AS step_id, track_id AS step_track, t_ns, t_ns + dur_ns AS end_ns FROM slices_in
        WHERE tokens IS NOT NULL`,
    )
    // Narrow: the join sorts what it is given.
    await connection.run(
      `CREATE TEMP TABLE step_of AS SELECT e.slice_id, s.step_id
        FROM (SELECT slice_id, step_track, t_ns FROM slices_in JOIN threads USING (track_id) WHERE tokens IS NULL) e
        ASOF JOIN steps s ON e.step_track = s.step_track AND e.t_ns >= s.t_ns WHERE e.t_ns < s.end_ns`,
    )
    await connection.run(
      `CREATE TEMP TABLE launches AS SELECT e.file, e.correlation, o.step_id
        FROM slices_in e JOIN step_of o USING (slice_id) WHERE e.correlation IS NOT NULL`,
    )
    return {
      column: 'CASE WHEN e.tokens IS NOT NULL THEN e.slice_id ELSE coalesce(o.step_id, l.step_id) END',
      joins: `LEFT JOIN step_of o ON o.slice_id = e.slice_id
        LEFT JOIN launches l ON l.file = e.file AND l.correlation = e.correlation`,
    }
  }

  /** From each launch to what it launched. */
  private async writeLinks({ categories, part }: SpoolFacts): Promise<number> {
    const numbers = (pattern: RegExp) => categories.flatMap((name, i) => (pattern.test(name) ? [i] : []))
    const calls = numbers(/^cuda_(runtime|driver)$|^(hip|xpu|privateuse1)_(runtime|driver)$/)
    const work = numbers(/^(kernel|gpu_memcpy|gpu_memset)$/)
    if (calls.length === 0 || work.length === 0) return 0
    const joined = `slices_in c JOIN slices_in k ON c.file = k.file AND c.correlation = k.correlation
      WHERE c.kind IN (${calls.join(', ')}) AND k.kind IN (${work.join(', ')}) AND c.correlation > 0`
    await writeSelect(
      this.connection,
      this.folder,
      'links',
      part,
      `SELECT 'slice' AS src_kind, c.slice_id AS src_id, NULL::UINTEGER AS src_index, 'slice' AS dst_kind, k.slice_id AS dst_id,
        'launch' AS kind, 1::DOUBLE AS share, 'measured' AS confidence FROM ${joined} ORDER BY c.slice_id`,
    )
    return this.count('links', part)
  }

  private async count(table: string, part: string): Promise<number> {
    const path = join(this.folder, table, part)
    const result = await this.connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${readParquet([path])}`)
    return Number(result.getRows()[0]?.[0] ?? 0)
  }
}

function list(items: readonly (string | number)[]): string {
  return `[${items.join(', ')}]`
}

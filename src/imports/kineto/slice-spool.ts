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
import { LAUNCHING_CALLS } from '../../trace/device-work.ts'
import { deleteImplausible, type Implausible } from './plausible-times.ts'
import { isDeviceWork } from './scan/category-names.ts'

/** What is kept of a slice until all are known: the steps, and what time a file's zero stands for. */
export const SPOOLED = defineTable('spooled', 'a slice on its way', 'us', {
  file: ['u16', 'number of the file'],
  track: ['u32', 'tracks.track_id'],
  us: ['f64', 'whole us on the clock of its file'],
  ns: ['u16', 'ns beyond them'],
  dur_ns: ['f64', 'duration'],
  name: ['u32', 'strings.id'],
  category: ['u16', 'number of the category'],
  correlation: ['f64?', 'launch to kernel'],
  stream: ['u32?', 'GPU stream'],
  external_id: ['f64?', 'operator to launch'],
  tokens: ['u32?', 'tokens of an engine step'],
  bytes: ['f64?', 'bytes moved'],
  bandwidth_gbps: ['f64?', "the profiler's own figure"],
})
const WITH_ARGS = defineTable('spooled', SPOOLED.doc, 'us', { ...SPOOLED.columns, args: ['text?', 'JSON'] })

/** A counter's sample on its way. */
const SAMPLED = defineTable('sampled', 'a sample on its way', 'us', {
  file: ['u16', 'number of the file'],
  track: ['u32', 'tracks.track_id'],
  us: ['f64', 'whole us on the clock of its file'],
  ns: ['u16', 'ns beyond them'],
  value: ['f64', 'value'],
})

/** A flow that launches, on its way. */
const FLOWED = defineTable('flowed', 'a flow on its way', 'from_us', {
  file: ['u16', 'number of the file'],
  rank: ['u16', 'the least of those to one kernel is its launch'],
  from_track: ['u32', 'tracks.track_id'],
  from_us: ['f64', 'whole us on the clock of its file'],
  from_ns: ['u16', 'ns beyond them'],
  to_track: ['u32', 'tracks.track_id'],
  to_us: ['f64', 'whole us'],
  to_ns: ['u16', 'ns beyond them'],
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
  /** Whole us on each file's clock, and what its times are then moved by, ns, so that they count from the run's zero; by its number. */
  readonly zeros: readonly FileZero[]
  /** Tracks of threads that have engine steps, with the track of these. */
  readonly stepTracks: ReadonlyMap<number, number>
}

export interface FileZero {
  readonly us: number
  readonly shiftNs: number
}

export interface TrackFacts {
  readonly track: number
  readonly stream: number | null
  /** Its last end, ns since its file's zero. */
  readonly lastNs: number
  readonly gpu: boolean
}

/** Work on a stream that begins before what came before it there has ended. */
export interface Overlaps {
  readonly file: number
  readonly kernels: number
  /** Of them: those that end before it does, too. */
  readonly within: number
  /** The longest time by which one starts before the other has ended, µs, and the ids of both names. */
  readonly longestUs: number
  readonly name: number
  readonly before: number
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
  private readonly flowLoader: BatchLoader
  private readonly withArgs: boolean
  private readonly folder: string
  private gone = 0
  private goneSamples = 0

  private constructor(
    folder: string,
    withArgs: boolean,
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    loader: BatchLoader,
    sampleLoader: BatchLoader,
    flowLoader: BatchLoader,
  ) {
    this.folder = folder
    this.withArgs = withArgs
    this.instance = instance
    this.connection = connection
    this.loader = loader
    this.sampleLoader = sampleLoader
    this.flowLoader = flowLoader
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
    await connection.run(createTable(FLOWED.name, FLOWED))
    return new SliceSpool(
      folder,
      withArgs,
      instance,
      connection,
      await BatchLoader.openTable(connection, table.name, table.columns),
      await BatchLoader.openTable(connection, SAMPLED.name, SAMPLED.columns),
      await BatchLoader.openTable(connection, FLOWED.name, FLOWED.columns),
    )
  }

  append(columns: Columns, rows: number): void {
    this.loader.append(columns, rows)
  }

  /** Samples of counters, as `sampled` has them. */
  appendSamples(columns: Columns, rows: number): void {
    this.sampleLoader.append(columns, rows)
  }

  /** Flows that launch, as `flowed` has them. */
  appendFlows(columns: Columns, rows: number): void {
    this.flowLoader.append(columns, rows)
  }

  get rows(): number {
    return this.loader.rows - this.gone
  }

  get samples(): number {
    return this.sampleLoader.rows - this.goneSamples
  }

  /**
   * No row follows. Removes rows with impossible times, and returns how many of each file. If a profile had any, its
   * remaining rows are sorted by time, so that their place in the file does not matter.
   */
  async settle(files: number): Promise<Implausible[]> {
    const { connection } = this
    this.loader.close()
    this.sampleLoader.close()
    this.flowLoader.close()
    if (this.rows > LARGE_ROWS) await connection.run(`SET memory_limit = '${LARGE_MEMORY}'`)
    const all: Implausible[] = []
    for (let file = 0; file < files; file++) {
      const found = await deleteImplausible(connection, file)
      this.gone += found.wildSlices + found.endless
      this.goneSamples += found.wildSamples
      all.push(found)
    }
    if (this.gone > 0) {
      await connection.run('CREATE TABLE ordered AS SELECT * FROM spooled ORDER BY file, us, ns, dur_ns DESC, track')
      await connection.run('DROP TABLE spooled')
      await connection.run('ALTER TABLE ordered RENAME TO spooled')
    }
    // What is written from here on is sorted by the query itself.
    await connection.run('SET preserve_insertion_order = false')
    return all
  }

  /** The first time in each file, whole µs on its clock; nothing of files without rows. */
  async firstUs(): Promise<Map<number, number>> {
    const result = await this.connection.runAndReadAll(
      'SELECT file, min(us) FROM (SELECT file, us FROM spooled UNION ALL SELECT file, us FROM sampled) GROUP BY file',
    )
    return new Map(result.getRows().map(([file, us]) => [Number(file), Number(us)]))
  }

  /** Slices of a track that have no category are work of a stream. */
  async makeWork(track: number, stream: number, categories: { readonly none: number; readonly work: number }) {
    await this.connection.run(
      `UPDATE spooled SET category = ${categories.work}, stream = coalesce(stream, ${stream}) WHERE track = ${track} AND category = ${categories.none}`,
    )
  }

  /** What the rows of each track are. */
  async tracks(zeros: readonly FileZero[], work: readonly number[]): Promise<TrackFacts[]> {
    const isWork = work.length === 0 ? 'false' : `category IN (${work.join(', ')})`
    const result = await this.connection.runAndReadAll(
      `SELECT track, max(stream), max(${sinceZero(zeros, false)} + dur_ns), bool_or(stream IS NOT NULL AND (correlation IS NOT NULL OR ${isWork}))
        FROM spooled GROUP BY track`,
    )
    return result.getRows().map(([track, stream, last, gpu]) => ({
      track: Number(track),
      stream: stream === null ? null : Number(stream),
      lastNs: Number(last),
      gpu: gpu === true,
    }))
  }

  /** Where work on one stream overlaps, by file. `work`: the categories of work. */
  async overlaps(work: readonly number[]): Promise<Overlaps[]> {
    if (work.length === 0) return []
    const result = await this.connection.runAndReadAll(
      `SELECT file, count(*), count(*) FILTER (end_ns <= before_ns), max(by_ns) / 1000, arg_max(name, by_ns), arg_max(before_name, by_ns) FROM (
        SELECT file, name, end_ns, before.ns AS before_ns, before.name AS before_name, before.ns - t_ns AS by_ns FROM (
          SELECT file, name, t_ns, t_ns + dur_ns AS end_ns, max({ns: t_ns + dur_ns, name: name}) OVER (
            PARTITION BY track ORDER BY t_ns, i ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
          FROM (SELECT file, track, name, dur_ns, rowid AS i, (us - min(us) OVER (PARTITION BY track)) * 1000 + ns AS t_ns
            FROM spooled WHERE category IN (${work.join(', ')}))
        ) WHERE before.ns > t_ns AND end_ns > t_ns
      ) GROUP BY file ORDER BY file`,
    )
    return result.getRows().map(([file, kernels, within, longestUs, name, before]) => ({
      file: Number(file),
      kernels: Number(kernels),
      within: Number(within),
      longestUs: Number(longestUs),
      name: Number(name),
      before: Number(before),
    }))
  }

  /** Writes the parts; returns the rows of each table. */
  async write(facts: SpoolFacts): Promise<{ slices: number; mips: number; links: number; counters: number }> {
    const { connection } = this
    const time = sinceZero(facts.zeros, true)
    await connection.run(
      `CREATE VIEW slices_in AS SELECT (rowid + ${1 + facts.slicesBefore})::UINTEGER AS slice_id, file, track AS track_id, ${time} AS t_ns, dur_ns,
        name AS name_id, category AS kind, correlation, stream, external_id, tokens, bytes, bandwidth_gbps, ${this.withArgs ? 'args' : 'NULL::VARCHAR AS args'} FROM spooled`,
    )
    const step = await this.stepJoin(facts)
    await writeSelect(
      connection,
      this.folder,
      'slices',
      facts.part,
      `SELECT e.slice_id, e.track_id, e.t_ns, e.dur_ns, e.name_id,
        list_extract(${list(facts.categories.map(literal))}::VARCHAR[], e.kind::BIGINT + 1) AS category, ${step.column} AS step_id, NULL::UINTEGER AS request_id,
        e.correlation, e.stream, e.external_id, e.tokens, e.bytes, e.bandwidth_gbps, e.args
      FROM slices_in e ${step.joins} ORDER BY e.t_ns`,
      FAST,
    )
    await connection.run(`CREATE VIEW samples_in AS SELECT track AS track_id, ${time} AS t_ns, value FROM sampled`)
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

  /** From each launch to what it launched: by their correlation, else by a flow. */
  private async writeLinks({ categories, part, zeros }: SpoolFacts): Promise<number> {
    const calls = categories.flatMap((name, i) => (LAUNCHING_CALLS.test(name) ? [i] : []))
    const work = categories.flatMap((name, i) => (isDeviceWork(name) ? [i] : []))
    const hasFlows = this.flowLoader.rows > 0
    if (work.length === 0 || (calls.length === 0 && !hasFlows)) return 0
    const isWork = `IN (${work.join(', ')})`
    const byCorrelation =
      calls.length === 0
        ? 'SELECT NULL::UINTEGER AS src, NULL::UINTEGER AS dst WHERE false'
        : `SELECT c.slice_id AS src, k.slice_id AS dst FROM slices_in c JOIN slices_in k ON c.file = k.file AND c.correlation = k.correlation
      WHERE c.kind IN (${calls.join(', ')}) AND k.kind ${isWork} AND c.correlation > 0`
    const joined = hasFlows
      ? `SELECT * FROM correlated UNION ALL SELECT src, dst FROM (${flowLinks(zeros, isWork)}) WHERE dst NOT IN (SELECT dst FROM correlated)`
      : 'SELECT * FROM correlated'
    await writeSelect(
      this.connection,
      this.folder,
      'links',
      part,
      `WITH correlated AS (${byCorrelation})
      SELECT 'slice' AS src_kind, src AS src_id, NULL::UINTEGER AS src_index, 'slice' AS dst_kind, dst AS dst_id,
        'launch' AS kind, 1::DOUBLE AS share, 'measured' AS confidence FROM (${joined}) ORDER BY src`,
    )
    return this.count('links', part)
  }

  private async count(table: string, part: string): Promise<number> {
    const path = join(this.folder, table, part)
    const result = await this.connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${readParquet([path])}`)
    return Number(result.getRows()[0]?.[0] ?? 0)
  }
}

/**
 * Work that a flow ends at, to the ns, and the host's slice that starts where the flow does, else the last one that started
 * before and still runs: `src`, `dst`, one row per work.
 */
function flowLinks(zeros: readonly FileZero[], isWork: string): string {
  return `
    WITH arrows AS (
      SELECT rank, from_track, ${sinceZero(zeros, true, 'from_')} AS from_t, to_track, ${sinceZero(zeros, true, 'to_')} AS to_t FROM flowed
    ), ends AS (
      SELECT k.slice_id AS dst, rank, from_track, from_t
      FROM arrows JOIN slices_in k ON k.track_id = to_track AND k.t_ns = to_t WHERE k.kind ${isWork}
    ), hosts AS (
      SELECT track_id, t_ns, arg_min(slice_id, dur_ns) AS src, min(dur_ns) AS dur_ns
      FROM slices_in WHERE NOT kind ${isWork} AND track_id IN (SELECT from_track FROM arrows) GROUP BY track_id, t_ns
    )
    SELECT arg_min(src, rank) AS src, dst FROM (
      SELECT src, dst, rank FROM ends ASOF JOIN hosts ON from_track = track_id AND from_t >= t_ns WHERE from_t <= t_ns + dur_ns
    ) GROUP BY dst`
}

/** A row's time as SQL, ns since the zero of its file, or since the run's. */
function sinceZero(zeros: readonly FileZero[], isShifted: boolean, prefix = ''): string {
  const of = (values: readonly number[]) =>
    values.every((value) => value === values[0])
      ? `(${values[0] ?? 0})::DOUBLE`
      : `list_extract(${list(values)}::DOUBLE[], file::BIGINT + 1)`
  const since = `(${prefix}us - ${of(zeros.map(({ us }) => us))}) * 1000 + ${prefix}ns`
  return isShifted ? `${since} + ${of(zeros.map(({ shiftNs }) => shiftNs))}` : since
}

function list(items: readonly (string | number)[]): string {
  return `[${items.join(', ')}]`
}

import { mkdirSync, rmSync, statfsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errorText, LayerlineError } from '../../base/errors.ts'
import type { LiveTableName } from '../../trace/tables.ts'

/** A segment of so many rows or bytes is closed: it is written once. The one behind it is written anew for each copy. */
const SEGMENT_ROWS = 65_536
const SEGMENT_BYTES = 8 * 2 ** 20
/** No copies are made on a disk with less room: the recording needs it. */
const MIN_FREE_BYTES = 256 * 2 ** 20
/** A copy is at most this old; asking more often gives the same one. */
const COPY_MS = 1000

/** What of a run can be read now: files of each table, in order, by their names in the folder of segments. */
export type Segments = Readonly<Partial<Record<LiveTableName, readonly string[]>>>

/** Copies committed rows `from` (counted from 0) up to `to` of a table into a Parquet file. */
export type CopyRows = (table: LiveTableName, from: number, to: number, path: string) => Promise<void>

interface TableRows {
  /** Where closed segments begin; the last entry is where the open one does. */
  readonly starts: number[]
  rows: number
  openBytes: number
  readonly closed: string[]
  open: string | null
  openTo: number
}

/** The folder of the copies of live rows that readers asked for; it is removed when the run is sealed. */
export function segmentFolder(folder: string): string {
  return join(folder, '.live')
}

/**
 * Copies of a live table's rows for readers in other processes: closed segments, each written once, and one that holds
 * the rest. Nothing is written before a reader asks.
 */
export class SegmentCopies {
  private readonly folder: string
  private readonly shard: number
  private readonly tables = new Map<LiveTableName, TableRows>()
  /** Which readers may still read which files. */
  private readonly leases = new Map<object, readonly string[]>()
  private superseded: string[] = []
  private latest: { segments: Segments; atMs: number } | null = null
  private taking: Promise<Segments> | null = null
  private made = false

  constructor(runFolder: string, shard: number) {
    this.folder = segmentFolder(runFolder)
    this.shard = shard
  }

  /** Rows were appended to a table. */
  appended(table: LiveTableName, rows: number, bytes: number): void {
    let known = this.tables.get(table)
    if (known === undefined) {
      known = { starts: [0], rows: 0, openBytes: 0, closed: [], open: null, openTo: 0 }
      this.tables.set(table, known)
    }
    known.rows += rows
    known.openBytes += bytes
    const start = known.starts.at(-1) ?? 0
    if (known.rows - start < SEGMENT_ROWS && known.openBytes < SEGMENT_BYTES) return
    known.starts.push(known.rows)
    known.openBytes = 0
  }

  /**
   * Makes a copy of all rows that are committed, or gives the last one while it is fresh. `commit` is called first; `copy` for each segment
   * that is missing, one after the other, with pauses in which rows are recorded.
   */
  async take(reader: object, commit: () => Promise<void>, copy: CopyRows): Promise<Segments> {
    if (this.latest === null || performance.now() - this.latest.atMs >= COPY_MS) {
      this.taking ??= this.write(commit, copy).finally(() => {
        this.taking = null
      })
      await this.taking
    }
    const segments = this.latest?.segments ?? {}
    this.leases.set(reader, Object.values(segments).flat())
    this.removeUnused()
    return segments
  }

  /** Releases the files of a reader that is gone. */
  release(reader: object): void {
    this.leases.delete(reader)
    this.removeUnused()
  }

  private async write(commit: () => Promise<void>, copy: CopyRows): Promise<Segments> {
    const atMs = performance.now()
    await commit()
    const upTo = [...this.tables].map(([table, known]) => ({
      table,
      known,
      rows: known.rows,
      starts: [...known.starts],
    }))
    const segments: Partial<Record<LiveTableName, readonly string[]>> = {}
    for (const { table, known, rows, starts } of upTo) {
      while (known.closed.length < starts.length - 1) {
        const from = starts[known.closed.length] as number
        known.closed.push(await this.copyOut(copy, table, from, starts[known.closed.length + 1] as number))
      }
      const openFrom = starts.at(-1) as number
      if (known.openTo !== rows) {
        const file = rows > openFrom ? await this.copyOut(copy, table, openFrom, rows) : null
        if (known.open !== null) this.superseded.push(known.open)
        known.open = file
        known.openTo = rows
      }
      segments[table] = known.open === null ? [...known.closed] : [...known.closed, known.open]
    }
    this.latest = { segments, atMs }
    return segments
  }

  private async copyOut(copy: CopyRows, table: LiveTableName, from: number, to: number): Promise<string> {
    if (!this.made) {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 })
      this.made = true
    }
    const { bavail, bsize } = statfsSync(this.folder)
    if (bavail * bsize < MIN_FREE_BYTES) {
      throw new LayerlineError('missing/disk-space', `${this.folder}: too little room on the disk for a copy to read`, {
        hint: 'the recording continues and needs the remaining space: free some, or read the run when it has ended',
      })
    }
    const path = join(this.folder, `${table}-${this.shard}-${from}-${to}.parquet`)
    try {
      await copy(table, from, to, path)
    } catch (error) {
      rmSync(path, { force: true })
      throw new LayerlineError('missing/copy', `${table} cannot be copied for readers: ${errorText(error)}`, {
        hint: 'the recording continues: read the run when it has ended',
        cause: error,
      })
    }
    return basename(path)
  }

  private removeUnused(): void {
    const leased = new Set([...this.leases.values()].flat())
    this.superseded = this.superseded.filter((name) => {
      if (leased.has(name)) return true
      rmSync(join(this.folder, name), { force: true })
      return false
    })
  }
}

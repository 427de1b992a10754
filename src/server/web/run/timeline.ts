import type { StreamingReader } from '../../../store/read/run-reader.ts'
import type { TilePart, TileRequest, TimelineMeta } from '../api-types.ts'
import { append, type Columns } from '../tiles/columns.ts'
import { counterCells } from '../tiles/counter-cells.ts'
import { encodeTile } from '../tiles/encode-tile.ts'
import { type LongSlices, readLongSlices } from '../tiles/long-slices.ts'
import { type RequestLanes, readRequestLanes, requestItems, tokenTicks } from '../tiles/request-lanes.ts'
import { sliceCells } from '../tiles/slice-cells.ts'
import { sliceItems } from '../tiles/slice-items.ts'
import { TileCache } from '../tiles/tile-cache.ts'
import { NameBook } from './name-book.ts'
import { timelineMeta } from './timeline-meta.ts'

/** Numbers kept of tiles, 8 bytes each. */
const CACHED_NUMBERS = 8e6

type PerTrack = (tracks: readonly number[]) => Promise<Map<number, Columns>>

/** The timeline of one run: what it consists of, and its tiles. Made once; of a live run anew when there are new rows. */
export class Timeline {
  readonly meta: TimelineMeta
  private readonly reader: StreamingReader
  private readonly long: LongSlices
  private readonly requests: RequestLanes
  private readonly hasMips: boolean
  private readonly cache = new TileCache(CACHED_NUMBERS)
  private readonly names: NameBook

  private constructor(
    reader: StreamingReader,
    meta: TimelineMeta,
    long: LongSlices,
    requests: RequestLanes,
    hasMips: boolean,
  ) {
    this.reader = reader
    this.meta = meta
    this.long = long
    this.requests = requests
    this.hasMips = hasMips
    this.names = new NameBook(reader)
  }

  static async open(reader: StreamingReader): Promise<Timeline> {
    const [mips] = await reader.query('SELECT 1 AS one FROM mips LIMIT 1')
    const meta = await timelineMeta(reader, mips !== undefined)
    const long = await readLongSlices(reader, meta.slices)
    const requests = await readRequestLanes(reader, meta.to_ns)
    return new Timeline(reader, { ...meta, lanes: requests.lanes }, long, requests, mips !== undefined)
  }

  laneOf(requestId: number): number | undefined {
    return this.requests.laneOf.get(requestId)
  }

  /** One tile, as bytes; what is known of it already is not asked for again. */
  async tile(request: TileRequest): Promise<ArrayBuffer> {
    const { level, index } = request
    const detailed = level <= this.meta.detail_level
    const parts: Partial<Record<TilePart['name'], Columns>> = {}
    if (request.slices.length > 0) {
      parts[detailed ? 'items' : 'cells'] = await this.perTrack(
        `${detailed ? 'i' : 'c'}/${level}/${index}`,
        request.slices,
        (tracks) =>
          detailed
            ? sliceItems(this.reader, this.long, level, index, tracks)
            : sliceCells(this.reader, this.long, level, index, tracks, this.hasMips),
      )
    }
    if (request.counters.length > 0) {
      parts.counters = await this.perTrack(`k/${level}/${index}`, request.counters, (tracks) =>
        counterCells(this.reader, level, index, tracks, this.hasMips),
      )
    }
    if (request.requests) {
      parts.requests = await this.once(`r/${level}/${index}`, async () => requestItems(this.requests, level, index))
      if (level <= this.meta.token_level) {
        parts.ticks = await this.once(`t/${level}/${index}`, () => tokenTicks(this.reader, this.requests, level, index))
      }
    }
    const named = parts.items ?? parts.cells
    const names = await this.names.of(named?.data[named.names.indexOf('name')] ?? [])
    return encodeTile(level, index, parts, names)
  }

  private async perTrack(key: string, tracks: readonly number[], read: PerTrack): Promise<Columns> {
    const missing = tracks.filter((track) => this.cache.get(`${key}/${track}`) === undefined)
    const fresh = missing.length === 0 ? new Map<number, Columns>() : await read(missing)
    for (const [track, columns] of fresh) this.cache.set(`${key}/${track}`, columns)
    let all: Columns | null = null
    for (const track of tracks) {
      const part = fresh.get(track) ?? this.cache.get(`${key}/${track}`)
      if (part === undefined) continue
      if (all === null) all = { names: part.names, data: part.names.map(() => []) }
      append(all, part)
    }
    return all ?? { names: [], data: [] }
  }

  private async once(key: string, read: () => Promise<Columns>): Promise<Columns> {
    const known = this.cache.get(key)
    if (known !== undefined) return known
    const part = await read()
    this.cache.set(key, part)
    return part
  }
}

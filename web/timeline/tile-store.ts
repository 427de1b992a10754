import { postForBytes, runPath } from '../base/api.ts'
import { decodeTile, type TileData } from './tile-data.ts'

const MOST_BYTES = 48e6
const AT_ONCE = 3

/** What came for one tile: several answers, as more tracks were seen. */
export interface Tile {
  readonly key: string
  readonly level: number
  readonly index: number
  readonly answers: TileData[]
  readonly slices: Set<number>
  readonly counters: Set<number>
  requests: boolean
  used: number
}

export interface Wanted {
  readonly level: number
  readonly index: number
  readonly slices: readonly number[]
  readonly counters: readonly number[]
  readonly requests: boolean
}

/** Tiles as they come from the server. Drawing takes what is there; what is no longer wanted is taken back. */
export class TileStore {
  private readonly id: string
  private readonly onChange: () => void
  private readonly tiles = new Map<string, Tile>()
  private readonly asking = new Map<string, AbortController>()
  private queue: Wanted[] = []
  private clock = 0
  private bytes = 0
  failed: string | null = null

  constructor(id: string, onChange: () => void) {
    this.id = id
    this.onChange = onChange
  }

  get(level: number, index: number): Tile | undefined {
    const tile = this.tiles.get(`${level}/${index}`)
    if (tile !== undefined) tile.used = ++this.clock
    return tile
  }

  get busy(): boolean {
    return this.asking.size + this.queue.length > 0
  }

  /** Says what is in sight now; asks for what of it is missing, and stops asking for what is out of sight. */
  want(all: readonly Wanted[]): void {
    const inSight = new Set(all.map(({ level, index }) => `${level}/${index}`))
    for (const [key, abort] of this.asking) if (!inSight.has(key)) abort.abort()
    this.queue = all.filter((wanted) => this.missing(wanted) !== null)
    this.pump()
  }

  /** What of it has not come yet; null: it is all there. */
  private missing(wanted: Wanted): Wanted | null {
    const tile = this.tiles.get(`${wanted.level}/${wanted.index}`)
    const slices = wanted.slices.filter((track) => tile?.slices.has(track) !== true).slice(0, 200)
    const counters = wanted.counters.filter((track) => tile?.counters.has(track) !== true).slice(0, 200)
    const requests = wanted.requests && tile?.requests !== true
    return slices.length + counters.length > 0 || requests ? { ...wanted, slices, counters, requests } : null
  }

  clear(): void {
    for (const abort of this.asking.values()) abort.abort()
    this.tiles.clear()
    this.queue = []
    this.bytes = 0
  }

  private pump(): void {
    while (this.asking.size < AT_ONCE && this.queue.length > 0) {
      const at = this.queue.findIndex(({ level, index }) => !this.asking.has(`${level}/${index}`))
      if (at < 0) return
      const [next] = this.queue.splice(at, 1)
      const missing = next === undefined ? null : this.missing(next)
      if (missing !== null) void this.ask(missing)
    }
  }

  private async ask(wanted: Wanted): Promise<void> {
    const key = `${wanted.level}/${wanted.index}`
    const abort = new AbortController()
    this.asking.set(key, abort)
    try {
      const data = decodeTile(await postForBytes(runPath(this.id, '/tile'), wanted, abort.signal))
      this.keep(key, wanted, data)
      this.failed = null
    } catch (error) {
      if (!abort.signal.aborted) this.failed = error instanceof Error ? error.message : String(error)
    } finally {
      this.asking.delete(key)
      if (this.failed === null) this.pump()
      if (!abort.signal.aborted) this.onChange()
    }
  }

  private keep(key: string, { level, index, slices, counters, requests }: Wanted, data: TileData): void {
    const tile: Tile = this.tiles.get(key) ?? {
      key,
      level,
      index,
      answers: [],
      slices: new Set(),
      counters: new Set(),
      requests: false,
      used: 0,
    }
    tile.answers.push(data)
    for (const track of slices) tile.slices.add(track)
    for (const track of counters) tile.counters.add(track)
    if (requests) tile.requests = true
    tile.used = ++this.clock
    this.tiles.set(key, tile)
    this.bytes += data.bytes
    if (this.bytes <= MOST_BYTES) return
    for (const old of [...this.tiles.values()].sort((a, b) => a.used - b.used)) {
      if (this.bytes <= MOST_BYTES * 0.75 || old === tile) break
      this.tiles.delete(old.key)
      this.bytes -= old.answers.reduce((sum, answer) => sum + answer.bytes, 0)
    }
  }
}

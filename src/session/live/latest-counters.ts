import type { ArraysOf, RowInput } from '../../trace/columns.ts'
import type { RowWriter } from '../../trace/row-writer.ts'
import { type counters, LAYERS, type Layer, type tracks } from '../../trace/tables.ts'

/** A track and the last value that a source wrote to it. */
export interface LatestCounter {
  readonly layer: Layer
  readonly name: string
  readonly unit: string | null
  readonly host: string | null
  readonly process: string | null
  readonly device: string | null
  /** `role` of tracks.attrs where it has one: machine, client, engine. */
  readonly role: string | null
  /** `replica` of tracks.attrs: what works on the same requests has the same. */
  readonly replica: string | null
  /** null: the source reported that it had none. */
  value: number | null
  tNs: number
  /** When the value before was sampled: what a delta is divided by. NaN for the first. */
  beforeNs: number
}

interface Sinks {
  readonly tracks: RowWriter<typeof tracks>
  readonly counters: RowWriter<typeof counters>
}

/** More tracks than a machine with many GPUs has; further ones are not kept. */
const MOST_TRACKS = 4096

/** Keeps the last value of every track as rows pass to the store; a few ns a row, nothing that grows. */
export class LatestCounters {
  /** To write to instead of the store's own. */
  readonly writers: Sinks
  private readonly byTrack = new Map<number, { value: number | null; tNs: number; beforeNs: number }>()
  private readonly known: LatestCounter[] = []

  constructor(sinks: Sinks) {
    const counterTap = new Tap(sinks.counters, (id, tNs, value) => this.take(id, tNs, value))
    const appendTrack = (row: RowInput<typeof tracks>) => {
      sinks.tracks.append(row)
      this.declare(row)
    }
    this.writers = {
      counters: counterTap,
      // Tracks are declared by `append` alone.
      tracks: {
        get columns() {
          return sinks.tracks.columns
        },
        next: () => sinks.tracks.next(),
        append: appendTrack,
        settle: () => sinks.tracks.settle(),
      },
    }
  }

  /** The tracks that have had a value, in the order they were declared. */
  get all(): readonly Readonly<LatestCounter>[] {
    return this.known
  }

  private take(id: number, tNs: number, value: number | null): void {
    const last = this.byTrack.get(id)
    if (last !== undefined) {
      last.beforeNs = last.tNs
      last.tNs = tNs
      last.value = value
    } else if (this.byTrack.size < MOST_TRACKS) this.byTrack.set(id, { value, tNs, beforeNs: Number.NaN })
  }

  /** A track may be declared after its first values: a GPU's are measured first. */
  private declare(row: RowInput<typeof tracks>): void {
    if (this.known.length >= MOST_TRACKS) return
    const { value = null, tNs = Number.NaN, beforeNs = Number.NaN } = this.byTrack.get(row.track_id) ?? {}
    const counter: LatestCounter = {
      layer: LAYERS[row.layer] as Layer,
      name: row.name,
      unit: row.unit ?? null,
      host: row.host ?? null,
      process: row.process ?? null,
      device: row.device ?? null,
      ...factsOf(row.attrs),
      value,
      tNs,
      beforeNs,
    }
    this.byTrack.set(row.track_id, counter)
    this.known.push(counter)
  }
}

function factsOf(attrs: string | null | undefined): { role: string | null; replica: string | null } {
  const { role, replica } = JSON.parse(attrs ?? '{}') as { role?: unknown; replica?: unknown }
  return { role: typeof role === 'string' ? role : null, replica: typeof replica === 'string' ? replica : null }
}

/** Rows got by `next()` are read before the writer can hand their arrays on: at the next row, and when a burst settles. */
class Tap implements RowWriter<typeof counters> {
  private readonly inner: RowWriter<typeof counters>
  private readonly taken: (id: number, tNs: number, value: number | null) => void
  private row = -1
  private filled: ArraysOf<typeof counters> | null = null

  constructor(inner: RowWriter<typeof counters>, taken: (id: number, tNs: number, value: number | null) => void) {
    this.inner = inner
    this.taken = taken
  }

  get columns(): ArraysOf<typeof counters> {
    return this.inner.columns
  }

  next(): number {
    this.harvest()
    this.row = this.inner.next()
    this.filled = this.inner.columns
    return this.row
  }

  append(row: RowInput<typeof counters>): void {
    this.harvest()
    this.inner.append(row)
    this.taken(row.track_id, row.t_ns, row.value ?? null)
  }

  settle(): void {
    this.harvest()
    this.inner.settle()
  }

  private harvest(): void {
    const { filled, row } = this
    if (filled === null) return
    this.filled = null
    const value = filled.value[row] as number
    this.taken(filled.track_id[row] as number, filled.t_ns[row] as number, Number.isNaN(value) ? null : value)
  }
}

import type { TraceLayout } from '../trace-formats/trace-format.ts'
import type { RowCounts, RowSource } from '../trace-rows/row-batch.ts'
import type { Arrival, ArrivalSchedule, ScheduleCounts } from './arrival.ts'
import { ArrivalMaker } from './arrival-maker.ts'
import type { TraceSelection } from './trace-selection.ts'

/** What is known of a trace before it is read. */
export interface ScheduleFacts {
  readonly provenance: Readonly<Record<string, unknown>>
  readonly notes: readonly string[]
  readonly total: number | null
  readonly spanUs: number | null
}

/** The arrivals of a trace, read as they are offered. */
export class TraceSchedule implements ArrivalSchedule {
  readonly provenance: Readonly<Record<string, unknown>>
  readonly notes: readonly string[]
  readonly total: number | null
  readonly spanUs: number | null
  readonly close: () => Promise<void>
  private readonly path: string
  private readonly source: RowSource
  private readonly layout: TraceLayout
  private readonly selection: TraceSelection
  private current: RowCounts = {}

  constructor(
    path: string,
    source: RowSource,
    layout: TraceLayout,
    selection: TraceSelection,
    facts: ScheduleFacts,
    close: () => Promise<void>,
  ) {
    this.path = path
    this.source = source
    this.layout = layout
    this.selection = selection
    this.provenance = facts.provenance
    this.notes = facts.notes
    this.total = facts.total
    this.spanUs = facts.spanUs
    this.close = close
  }

  /** Of the reading begun last. */
  get counts(): ScheduleCounts {
    return this.current
  }

  batches(from = 0): AsyncGenerator<readonly Arrival[], void> {
    const counts: RowCounts = {}
    this.current = counts
    return arrivalsOf(this.path, this.source, this.layout, this.selection, counts, from)
  }
}

/** The arrivals that a source's rows make, from the one with index `from`. */
export async function* arrivalsOf(
  path: string,
  source: RowSource,
  layout: TraceLayout,
  selection: TraceSelection,
  counts: RowCounts,
  from = 0,
): AsyncGenerator<readonly Arrival[], void> {
  const maker = new ArrivalMaker(path, layout, selection, counts, from)
  if (maker.isDone) return
  for await (const rows of source.batches(counts, selection.window)) {
    maker.take(rows)
    const made = maker.drain()
    if (made.length > 0) yield made
    if (maker.isDone) return
  }
  maker.end()
  const made = maker.drain()
  if (made.length > 0) yield made
}

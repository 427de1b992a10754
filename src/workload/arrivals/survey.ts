import type { TraceLayout } from '../trace-formats/trace-format.ts'
import { HeadOf } from '../trace-rows/head-of.ts'
import type { RowCounts, RowSource } from '../trace-rows/row-batch.ts'
import { TraceFacts } from './trace-facts.ts'
import { arrivalsOf } from './trace-schedule.ts'
import type { TraceSelection } from './trace-selection.ts'

/** How many rows are read before the first request: a tenth of a second. */
export const SURVEY_ROWS = 1 << 18

/** Facts from the first rows, whether they are selected or not. */
export interface HeadFacts {
  readonly facts: TraceFacts
  readonly counts: RowCounts
  /** These were all. */
  readonly isWhole: boolean
}

export async function headFacts(source: RowSource, maxRows = SURVEY_ROWS): Promise<HeadFacts> {
  const head = new HeadOf(source, maxRows)
  const facts = new TraceFacts()
  const counts: RowCounts = {}
  for await (const rows of head.batches(counts)) facts.add(rows)
  return { facts, counts, isWhole: !head.isCut }
}

/** The arrivals that the first rows of a selection make, as a dry run. */
export interface Offered {
  readonly arrivals: number
  readonly spanUs: number
  readonly counts: RowCounts
  /** The selection has no more. */
  readonly isWhole: boolean
}

export async function dryRun(
  path: string,
  source: RowSource,
  layout: TraceLayout,
  selection: TraceSelection,
  maxRows = SURVEY_ROWS,
): Promise<Offered> {
  const head = new HeadOf(source, maxRows)
  const counts: RowCounts = {}
  let arrivals = 0
  let spanUs = 0
  for await (const batch of arrivalsOf(path, head, layout, selection, counts)) {
    arrivals += batch.length
    spanUs = batch.at(-1)?.tUs ?? spanUs
  }
  return { arrivals, spanUs, counts, isWhole: !head.isCut }
}

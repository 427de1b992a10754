import { LayerlineError } from '../../base/errors.ts'
import { cacheKey } from '../trace-cache/cache-key.ts'
import { type CachedTrace, windowSql } from '../trace-cache/cached-trace.ts'
import { openCache, sortedCopy } from '../trace-cache/open-cache.ts'
import { formatOf, type TraceFormatId } from '../trace-formats/formats.ts'
import type { ColumnMap, TraceFormat, TraceLayout } from '../trace-formats/trace-format.ts'
import type { TimeUnit } from '../trace-rows/bytes/time-unit.ts'
import { FileRows } from '../trace-rows/file-rows.ts'
import type { RowSource, TimeWindow } from '../trace-rows/row-batch.ts'
import { rowShape } from '../trace-rows/row-shape.ts'
import { RunRows } from '../trace-rows/run-rows.ts'
import { TailRows } from '../trace-rows/tail-rows.ts'
import { type FileHead, type RunHead, readHead } from '../trace-rows/trace-head.ts'
import { dryRun, type HeadFacts, headFacts, type Offered } from './survey.ts'
import { traceNotes } from './trace-notes.ts'
import { TraceSchedule } from './trace-schedule.ts'
import type { EmptyPolicy, OverlongPolicy, TraceSelection } from './trace-selection.ts'
import { parseTraceTime } from './trace-time.ts'
import { unitDoubt } from './unit-doubt.ts'

export interface TraceOptions {
  /** A file, or a run's folder. */
  readonly path: string
  readonly format?: TraceFormatId | 'auto'
  /** Columns of a plain table. */
  readonly map?: ColumnMap
  /** Used where neither the format nor a guess should decide. */
  readonly timeUnit?: TimeUnit
  /** Trace time, as `parseTraceTime` takes it: from here on, and up to there. */
  readonly from?: string
  readonly to?: string
  /** Arrivals offered at most. */
  readonly limit?: number
  /** Share of the rows, 0 to 1; of the conversations, where there are any. */
  readonly sample?: { readonly share: number; readonly seed: number }
  /** Spreads rows that share a tick over it. */
  readonly jitterSeed?: number
  readonly skipBad?: boolean
  /** A normalised copy is kept there. Without it, or with `noCache`, the source is read directly. */
  readonly cacheDir?: string
  readonly noCache?: boolean
  /** Rows that exceed the server's limit; `maxModelLen` is the server's. Without it all are offered. */
  readonly overlong?: { readonly maxModelLen: number; readonly policy: OverlongPolicy }
  readonly failures?: EmptyPolicy
  readonly zeroTokens?: EmptyPolicy
  /** While a copy is made, which is before the first arrival. */
  readonly onProgress?: (progress: {
    readonly rows: number
    readonly bytes: number
    readonly totalBytes: number
  }) => void
  readonly signal?: AbortSignal
}

/** Rows in order of time, and what was done to order them. */
interface Ordered {
  readonly source: RowSource
  readonly head: HeadFacts
  /** The copy they are read from. */
  readonly copy: CachedTrace | null
  readonly from: 'file' | 'cache' | 'new cache' | 'sorted copy'
  readonly cacheKey: string | null
  /** Last time in a file whose end was read. */
  readonly tailUs: number | null
  readonly tailCounts: Readonly<Record<string, number>>
  readonly close: () => Promise<void>
}

/**
 * Opens a trace of arrivals: finds its format, reads its head and its end, and notes what the user should know;
 * arrivals are read on demand. Memory does not grow with the trace. An unsorted one is sorted on disk first. A row that
 * cannot be read is an error `input/trace-row` with file and line, here if it is among the first, else when it is
 * reached. Close the schedule after use.
 */
export async function openTrace(options: TraceOptions): Promise<TraceSchedule> {
  const head = await readHead(options.path)
  const formatOptions = {
    ...(options.map === undefined ? {} : { map: options.map }),
    ...(options.timeUnit === undefined ? {} : { timeUnit: options.timeUnit }),
  }
  const format = formatOf(head, options.format ?? 'auto', formatOptions)
  const layout = format.read(head, formatOptions)
  const ordered = await orderedRows(head, layout, options)
  try {
    return await schedule(head, format, layout, ordered, options)
  } catch (error) {
    await ordered.close()
    throw error
  }
}

async function orderedRows(head: FileHead | RunHead, layout: TraceLayout, options: TraceOptions): Promise<Ordered> {
  const plain = {
    copy: null,
    from: 'file',
    cacheKey: null,
    tailUs: null,
    tailCounts: {},
    close: async () => {},
  } as const
  if (head.kind === 'run') {
    const source = new RunRows(head.path)
    return { ...plain, source, head: await headFacts(source) }
  }
  const skipBad = options.skipBad ?? false
  const source = new FileRows(head, layout, { skipBad })
  const { making, ingestOptions } = progressOf(head, layout, skipBad, options)
  if (options.cacheDir !== undefined && options.noCache !== true) {
    const key = await cacheKey(head.path, layout, skipBad)
    const { trace, wasThere } = await openCache(
      making,
      head.path,
      rowShape(layout),
      options.cacheDir,
      key,
      ingestOptions,
    )
    const from = wasThere ? 'cache' : 'new cache'
    return { ...plain, source: trace, head: await headFacts(trace), copy: trace, from, cacheKey: key }
  }
  const first = await headFacts(source)
  const tail = first.isWhole || head.packing !== 'none' ? null : await headFacts(new TailRows(head, layout))
  const isSorted =
    first.facts.isSorted && (tail === null || (tail.facts.isSorted && tail.facts.minUs >= first.facts.minUs))
  if (isSorted) {
    const seen = tail !== null && tail.facts.rows > 0
    return {
      ...plain,
      source,
      head: first,
      tailUs: seen ? tail.facts.maxUs : null,
      tailCounts: tail?.counts.truncated_last_line === undefined ? {} : { truncated_last_line: 1 },
    }
  }
  const { trace, close } = await sortedCopy(making, head.path, rowShape(layout), ingestOptions)
  return { ...plain, source: trace, head: await headFacts(trace), copy: trace, from: 'sorted copy', close }
}

/** The same rows; a callback reports while a copy of them is made. */
function progressOf(head: FileHead, layout: TraceLayout, skipBad: boolean, { onProgress, signal }: TraceOptions) {
  let bytes = 0
  const making = new FileRows(head, layout, {
    skipBad,
    onRead: (read) => {
      bytes += read
    },
  })
  const ingestOptions = {
    ...(onProgress === undefined
      ? {}
      : { onRows: (rows: number) => onProgress({ rows, bytes, totalBytes: head.sizeBytes }) }),
    ...(signal === undefined ? {} : { signal }),
  }
  return { making, ingestOptions }
}

async function schedule(
  head: FileHead | RunHead,
  format: TraceFormat,
  layout: TraceLayout,
  ordered: Ordered,
  options: TraceOptions,
): Promise<TraceSchedule> {
  const { facts, counts, isWhole } = ordered.head
  const meta = ordered.copy?.meta
  if (facts.rows === 0) {
    const skipped = (counts.bad_rows ?? 0) > 0 ? '; all of them were skipped as bad' : ''
    throw new LayerlineError('input/trace-empty', `${head.path}: no rows of a trace in it${skipped}`)
  }
  const { tickUs } = facts
  const selection = selectionOf(options, layout, facts.minUs, tickUs)
  const offered = await dryRun(head.path, ordered.source, layout, selection)
  const known = offered.isWhole
    ? { arrivals: offered.arrivals, spanUs: offered.spanUs as number | null }
    : await countedIn(ordered.copy, layout, selection)
  if (known?.arrivals === 0) throw nothingLeft(head.path, options, offered)
  const notRead = columnsNotRead(head, layout)
  const doubt = doubtOf(head, layout, options, facts.rows, facts.spanUs)
  const lastUs = meta?.lastUs ?? (isWhole ? facts.maxUs : ordered.tailUs)
  const notes = traceNotes({
    path: head.path,
    format,
    layout,
    rows: meta?.rows ?? facts.rows,
    isWhole: isWhole || meta !== undefined,
    headSpanUs: meta === undefined ? facts.spanUs : meta.lastUs - meta.firstUs,
    spanUs: lastUs === null ? null : lastUs - facts.minUs,
    tickUs,
    rowsPerTick: facts.rowsPerTick,
    hasJitter: options.jitterSeed !== undefined,
    outOfOrder: meta?.outOfOrder ?? 0,
    zeroInputs: facts.zeroInputs,
    zeroOutputs: facts.zeroOutputs,
    zeroRows: facts.rows,
    counts: { ...ordered.tailCounts, ...counts },
    from: ordered.from,
    offered: known,
    isSelected: known !== null && known.arrivals !== (meta?.rows ?? facts.rows),
    notRead,
    doubt,
  })
  return new TraceSchedule(
    head.path,
    ordered.source,
    layout,
    selection,
    {
      provenance: {
        ...provenanceOf(head, format, layout, ordered, selection, options),
        columns_not_read: notRead,
        time_unit_doubt: doubt?.unit ?? null,
      },
      notes,
      total: known?.arrivals ?? null,
      spanUs: known !== null ? known.spanUs : restSpan(selection, facts.minUs, meta?.lastUs ?? ordered.tailUs),
    },
    ordered.close,
  )
}

function columnsNotRead({ columns }: FileHead | RunHead, layout: TraceLayout): string[] {
  const read = new Set([...Object.values(layout.columns), layout.parent, layout.blocks, layout.images])
  return columns.filter((name) => name.trim() !== '' && !read.has(name))
}

/** If the format fixes the unit, and the user did not set another. */
function doubtOf(head: FileHead | RunHead, layout: TraceLayout, options: TraceOptions, rows: number, spanUs: number) {
  if (head.kind === 'run' || options.timeUnit !== undefined || layout.unitIsGuessed === true) return null
  const texts = head.records.map((record) => record[layout.columns.ts]?.trim() ?? '').filter(Boolean)
  return unitDoubt(layout.unit, texts, rows, spanUs)
}

/** For a trace too long to be read whole: by its last row, if the selection ends there. */
function restSpan({ limit, window }: TraceSelection, firstUs: number, tailUs: number | null): number | null {
  if (tailUs === null || Number.isFinite(limit)) return null
  return Math.max(0, Math.min(tailUs, window.toUs) - Math.max(firstUs, window.fromUs))
}

/** More rows than this are not counted beforehand, because the first request would have to wait. */
const MOST_COUNTED = 8_000_000

/** The size of a long selection of a copy; null if only reading it would show that, or shows it soon enough. */
async function countedIn(copy: CachedTrace | null, layout: TraceLayout, selection: TraceSelection) {
  if (copy === null || selection.sample < 1) return null
  const { overlong, window } = selection
  const { meta } = copy
  const hasRoom = overlong?.policy !== 'skip' || meta.longest <= overlong.maxModelLen
  const isAll = window.fromUs <= meta.firstUs && window.toUs > meta.lastUs && !meta.hasEmpty && hasRoom
  if (!isAll && copy.rowsWithin(window) > MOST_COUNTED) return null
  const { rows, firstUs, lastUs } = isAll ? meta : await copy.count(selectionSql(layout, selection))
  if (rows > selection.limit) return { arrivals: selection.limit, spanUs: null }
  return { arrivals: rows, spanUs: selection.jitter === null ? lastUs - firstUs : null }
}

/** The rows that ArrivalMaker keeps, as SQL over a copy's columns. */
function selectionSql(layout: TraceLayout, { window, overlong, failures, zeroTokens }: TraceSelection): string {
  const forEmpty = layout.zeroOutputFailed
    ? `CASE WHEN output = 0 THEN ${failures === 'one'} WHEN input = 0 THEN ${zeroTokens === 'one'} ELSE true END`
    : `CASE WHEN output = 0 OR input = 0 THEN ${zeroTokens === 'one'} ELSE true END`
  const room =
    overlong?.policy === 'skip'
      ? `greatest(input, 1)::BIGINT + greatest(coalesce(output, 1), 1) <= ${overlong.maxModelLen}`
      : 'true'
  return `${windowSql(window)} AND ${forEmpty} AND ${room}`
}

function selectionOf(options: TraceOptions, layout: TraceLayout, firstUs: number, tickUs: number): TraceSelection {
  return {
    window: windowOf(options, layout, firstUs),
    limit: options.limit ?? Number.POSITIVE_INFINITY,
    sample: options.sample?.share ?? 1,
    sampleSeed: options.sample?.seed ?? 0,
    jitter: options.jitterSeed === undefined || tickUs === 0 ? null : { seed: options.jitterSeed, tickUs },
    overlong: options.overlong ?? null,
    failures: options.failures ?? 'skip',
    zeroTokens: options.zeroTokens ?? 'skip',
  }
}

function windowOf({ path, from, to }: TraceOptions, layout: TraceLayout, firstUs: number): TimeWindow {
  const place = (text: string | undefined, flag: string, without: number): number => {
    if (text === undefined) return without
    const time = parseTraceTime(text, flag)
    if ('afterUs' in time) return firstUs + time.afterUs
    // No clock that counts from 1970 shows a time in 1973 now.
    if (layout.unit !== 'iso' && firstUs < 1e14) {
      throw new LayerlineError(
        'usage/trace-time',
        `${flag} ${text}: the times of ${path} are not dates; expected seconds or a duration after its first row`,
      )
    }
    return time.atUs
  }
  const window = {
    fromUs: place(from, '--from', Number.NEGATIVE_INFINITY),
    toUs: place(to, '--to', Number.POSITIVE_INFINITY),
  }
  if (window.fromUs < window.toUs) return window
  throw new LayerlineError('usage/trace-time', `--from ${from} --to ${to}: expected an end after the start`)
}

function nothingLeft(path: string, options: TraceOptions, { counts }: Offered): LayerlineError {
  const reasons = Object.entries(counts).map(([reason, count]) => `${reason} ${count}`)
  const flags = (['from', 'to', 'limit', 'sample', 'overlong'] as const).filter((flag) => options[flag] !== undefined)
  return new LayerlineError(
    'input/trace-selection',
    `${path}: no row is left to offer${reasons.length > 0 ? ` (${reasons.join(', ')})` : ''}`,
    { hint: flags.length > 0 ? `look at ${flags.map((flag) => `--${flag}`).join(', ')}` : 'its rows hold no tokens' },
  )
}

function provenanceOf(
  head: FileHead | RunHead,
  format: TraceFormat,
  layout: TraceLayout,
  ordered: Ordered,
  selection: TraceSelection,
  options: TraceOptions,
): Record<string, unknown> {
  return {
    kind: 'trace',
    path: head.path,
    format: format.id,
    ...(head.kind === 'run' ? {} : { size_bytes: head.sizeBytes, packing: head.packing }),
    columns: layout.columns,
    time_unit: layout.unit,
    block_tokens: layout.blocks === undefined ? null : layout.blockTokens,
    first_us: ordered.head.facts.minUs,
    from: options.from ?? null,
    to: options.to ?? null,
    limit: options.limit ?? null,
    sample: options.sample ?? null,
    jitter: selection.jitter === null ? null : { seed: selection.jitter.seed, tick_us: selection.jitter.tickUs },
    overlong: options.overlong ?? null,
    failures: selection.failures,
    zero_tokens: selection.zeroTokens,
    skip_bad: options.skipBad ?? false,
    read_from: ordered.from,
    cache_key: ordered.cacheKey,
  }
}

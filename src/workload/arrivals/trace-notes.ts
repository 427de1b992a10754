import { basename } from 'node:path'
import type { TraceFormat, TraceLayout } from '../trace-formats/trace-format.ts'
import type { RowCounts } from '../trace-rows/row-batch.ts'
import type { UnitDoubt } from './unit-doubt.ts'

/** Rows a tick from which on they come in bursts. */
const MIN_BURST = 1.05
const MOST_NAMES = 12

/** What the notes of a trace are made of. */
export interface NotedTrace {
  readonly path: string
  readonly format: TraceFormat
  readonly layout: TraceLayout
  /** Rows read, or all rows. */
  readonly rows: number
  readonly isWhole: boolean
  readonly headSpanUs: number
  /** Of the whole file; null if its end was not read. */
  readonly spanUs: number | null
  readonly tickUs: number
  readonly rowsPerTick: number
  readonly hasJitter: boolean
  readonly outOfOrder: number
  readonly zeroInputs: number
  readonly zeroOutputs: number
  /** Rows in which these were counted. */
  readonly zeroRows: number
  readonly counts: RowCounts
  readonly from: 'file' | 'cache' | 'new cache' | 'sorted copy'
  /** Arrivals that the selection makes and their span, where known. */
  readonly offered: { readonly arrivals: number; readonly spanUs: number | null } | null
  readonly isSelected: boolean
  /** Columns or keys of the file that are not used. */
  readonly notRead: readonly string[]
  /** A unit in which its times are more plausible. */
  readonly doubt: UnitDoubt | null
}

/** What the user should know of a trace before its first request, a sentence each. */
export function traceNotes(trace: NotedTrace): string[] {
  return [
    summary(trace),
    ...selected(trace),
    `its times are ${unitName(trace.layout)} (${trace.layout.unitBecause})`,
    ...doubted(trace),
    ...notRead(trace),
    ...ticks(trace),
    ...order(trace),
    ...empty(trace),
    ...Object.entries(trace.counts).flatMap(([reason, count]) => {
      const text = COUNTED[reason]
      return text === undefined ? [] : [text(count)]
    }),
    ...(trace.isWhole ? [] : ['its rest is counted as it is read']),
  ]
}

const COUNTED: Record<string, (count: number) => string> = {
  bad_rows: (count) => `${rowsText(count)} cannot be read and ${count === 1 ? 'is' : 'are'} skipped (--skip-bad)`,
  truncated_last_line: () => 'its last line is cut off and skipped',
  repeated_headers: (count) => `its header comes again ${times(count)}: several files in one`,
  rows_with_images: (count) => `${rowsText(count)} had images: they are offered as text of as many tokens`,
  rows_with_odd_blocks: (count) =>
    `${rowsText(count)} name another number of blocks than their tokens make: they are taken to share none`,
  conversations_without_start: (count) =>
    `${rowsText(count)} answer a turn that is not in the trace: each starts a conversation`,
  warmup_of_the_run: (count) => `${rowsText(count)} were warm-up of that run, and are skipped`,
  rows_without_output: (count) => `${rowsText(count)} do not say their output: the model ends when it likes`,
  tokens_not_known: (count) => `${rowsText(count)} have no count of tokens, and are skipped`,
}

function summary({ path, format, rows, isWhole, spanUs, headSpanUs, from }: NotedTrace): string {
  const name = `${basename(path)}: ${format.id}`
  const where = from === 'file' ? '' : `, from ${from === 'sorted copy' ? 'a sorted copy' : `the ${from}`}`
  if (isWhole) return `${name}, ${rowsText(rows)} over ${spanText(headSpanUs)}${rate(rows, headSpanUs)}${where}`
  const span = spanUs === null ? 'its span is not known before it is read' : `over ${spanText(spanUs)}`
  return `${name}, ${span}; its first ${whole(rows)} rows${rate(rows, headSpanUs)}${where}`
}

function selected({ offered, isSelected }: NotedTrace): string[] {
  if (!isSelected || offered === null) return []
  const { arrivals, spanUs } = offered
  const span = spanUs === null ? '' : ` over ${spanText(spanUs)}${rate(arrivals, spanUs)}`
  return [`of them ${whole(arrivals)} ${arrivals === 1 ? 'is' : 'are'} offered${span}`]
}

function unitName({ unit }: TraceLayout): string {
  return unit === 'iso' ? 'dates with a time of day' : `in ${unit}`
}

function ticks({ tickUs, rowsPerTick, hasJitter }: NotedTrace): string[] {
  if (tickUs === 0) return hasJitter ? ['its times stand on no ticks: --jitter changes nothing'] : []
  // One row per tick is not a burst.
  const areBursts = rowsPerTick >= MIN_BURST
  const together = areBursts ? `, ${rowsPerTick.toPrecision(2)} rows on each` : ''
  const what = `its times stand on ticks of ${spanText(tickUs)}${together}`
  if (!areBursts) return [hasJitter ? `${what}: spread over them by --jitter` : what]
  return [`${what}: ${hasJitter ? 'spread over them by --jitter' : 'they come in bursts; --jitter SEED spreads them'}`]
}

function doubted({ doubt, layout, rows, headSpanUs }: NotedTrace): string[] {
  if (doubt === null) return []
  return [
    `check that: in ${layout.unit} they span ${spanText(headSpanUs)}${rate(rows, headSpanUs)}, but ${doubt.because}; --time-unit ${doubt.unit} reads them so`,
  ]
}

function notRead({ notRead: names }: NotedTrace): string[] {
  if (names.length === 0) return []
  const shown = names.slice(0, MOST_NAMES).map((name) => `\`${name.slice(0, 40)}\``)
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : ''
  return [`not read: ${shown.join(', ')}${more}`]
}

function order({ outOfOrder, from }: NotedTrace): string[] {
  if (outOfOrder === 0) return []
  return [
    `${rowsText(outOfOrder)} came later than they should: sorted${from === 'sorted copy' ? '; --cache-dir would keep the result' : ''}`,
  ]
}

function empty({ layout, zeroInputs, zeroOutputs, zeroRows, rows }: NotedTrace): string[] {
  const share = (count: number) => `${whole(count)} of ${zeroRows === rows ? '' : 'the first '}${whole(zeroRows)} rows`
  return [
    ...(zeroOutputs > 0 && layout.zeroOutputFailed
      ? [`${share(zeroOutputs)} failed when the trace was taken (0 tokens of answer)`]
      : []),
    ...(zeroOutputs > 0 && !layout.zeroOutputFailed ? [`${share(zeroOutputs)} have an answer of 0 tokens`] : []),
    ...(zeroInputs > 0 ? [`${share(zeroInputs)} have a prompt of 0 tokens`] : []),
  ]
}

function rate(rows: number, spanUs: number): string {
  if (!(spanUs > 0 && rows > 1)) return ''
  const perSecond = Number(((rows / spanUs) * 1e6).toPrecision(3))
  return ` at ${perSecond.toLocaleString('en-US', { maximumSignificantDigits: 3 })} a second`
}

function rowsText(count: number): string {
  return `${whole(count)} row${count === 1 ? '' : 's'}`
}

function times(count: number): string {
  return count === 1 ? 'once' : `${whole(count)} times`
}

function whole(value: number): string {
  return value.toLocaleString('en-US')
}

const SPAN_UNITS: readonly (readonly [us: number, name: string])[] = [
  [86_400e6, 'd'],
  [3600e6, 'h'],
  [60e6, 'min'],
  [1e6, 's'],
]

/** `7 d 3 h`, `57 min 16 s`, `2.999 s`, `250 ms`: the two largest units. */
export function spanText(us: number): string {
  if (us < 1e6) return `${Number((us / 1000).toPrecision(4))} ms`
  if (us < 60e6) return `${Number((us / 1e6).toPrecision(4))} s`
  const at = SPAN_UNITS.findIndex(([unit]) => us >= unit)
  const [unit, name] = SPAN_UNITS[at] ?? [1e6, 's']
  const [below, belowName] = SPAN_UNITS[at + 1] ?? [1e6, 's']
  const rounded = Math.round(us / below) * below
  const rest = Math.round((rounded % unit) / below)
  return `${Math.floor(rounded / unit)} ${name}${rest > 0 ? ` ${rest} ${belowName}` : ''}`
}

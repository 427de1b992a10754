import { codeOf } from '../../trace/columns.ts'
import { PHASES, STATUSES } from '../../trace/tables.ts'
import { type CsvFile, type CsvRecord, RecordCursor } from '../csv-file.ts'
import type { CsvReader } from '../import-format.ts'
import type { RunWriter } from '../run-writer.ts'
import { stampOf } from './gpu-clock.ts'
import { type GpuColumn, GpuCounters } from './gpu-counters.ts'
import { noSamples } from './sample-trace.ts'

const MIB = 1024 * 1024
const COLUMNS: readonly GpuColumn[] = [
  { column: 'gpu_utilization', track: 'gpu_utilization_ratio', unit: 'ratio', scale: 0.01 },
  { column: 'memory_utilization', track: 'memory_utilization_ratio', unit: 'ratio', scale: 0.01 },
  { column: 'power_w', track: 'power_draw_instant_w', unit: 'W', scale: 1 },
  { column: 'power_average_w', track: 'power_draw_average_w', unit: 'W', scale: 1 },
  { column: 'sm_clock_mhz', track: 'sm_clock_hz', unit: 'Hz', scale: 1e6 },
  { column: 'memory_used_mib', track: 'memory_used_bytes', unit: 'bytes', scale: MIB },
  { column: 'temperature_c', track: 'temperature_c', unit: 'C', scale: 1 },
]
/** A request not named for this long is over: only those in flight are held. */
const FORGET_NS = 600e9

/** What a line says of its request, beside when. */
interface RequestFacts {
  readonly promptId: string
  readonly sinceSentNs: number | null
  readonly ttftNs: number | null
  readonly e2eNs: number | null
  readonly size: number | null
  readonly inputTokens: number | null
  readonly outputTokens: number | null
  readonly requestedTokens: number | null
  readonly model: string | null
}

interface Seen {
  facts: RequestFacts
  sentNs: number | null
  firstNs: number | null
  endNs: number | null
  fromNs: number
  toNs: number
}

interface Gpu {
  readonly counters: GpuCounters
  readonly columns: readonly GpuColumn[]
  lastNs: number
}

class VisionReader {
  samples = 0
  lost = 0
  private readonly run: RunWriter
  private readonly gpus = new Map<string, Gpu>()
  private readonly seen = new Map<string, Seen>()
  private epochUs: number | null = null
  private sweptNs = 0

  constructor(run: RunWriter) {
    this.run = run
  }

  /** Writes a sample and what begins with it; throws, before that, where its line is bad. */
  take(file: CsvFile, record: CsvRecord, us: number): void {
    const epochUs = this.epochUs ?? us
    const tNs = (us - epochUs) * 1000
    const sample = this.sampleOf(file, record, tNs)
    const key = requestKey(file, record)
    const before = key === null ? undefined : this.seen.get(key)
    const facts = key === null || before !== undefined ? null : factsOf(file, record)
    if (this.epochUs === null) this.run.setEpoch(us)
    this.epochUs = epochUs
    sample()
    if (before !== undefined) before.toNs = tNs
    else if (key !== null && facts !== null) this.seen.set(key, seenAt(tNs, facts))
    this.samples++
    if (tNs - this.sweptNs > FORGET_NS) this.sweep(tNs)
  }

  end(): void {
    this.sweep(Number.POSITIVE_INFINITY)
  }

  /**
   * Reads a line's sample, and returns what writes it. The lines of a sample, one per request and stage, follow each
   * other: its values are taken once.
   */
  private sampleOf(file: CsvFile, record: CsvRecord, tNs: number): () => void {
    const name = file.text(record, 'gpu_name')
    const key = /^(?:prefill|decode)_(.+)\.csv$/.exec(file.name)?.[1] ?? name
    const known = this.gpus.get(key)
    if (known?.lastNs === tNs) return () => {}
    const columns = known?.columns ?? COLUMNS.filter(({ column }) => file.has(column))
    const windowMs = known === undefined ? file.number(record, 'window_ms') : null
    const values = columns.map(({ column }) => file.number(record, column))
    return () => {
      const gpu = known ?? this.addGpu(key, name, columns, windowMs)
      gpu.lastNs = tNs
      gpu.counters.add(tNs, values)
    }
  }

  private addGpu(key: string, name: string, columns: readonly GpuColumn[], windowMs: number | null): Gpu {
    const attrs = {
      source: 'tracer-vision',
      window_ns: windowMs === null ? null : windowMs * 1e6,
      update_period_ns: null,
    }
    const device = `${/_(\d+)$/.exec(key)?.[1] ?? this.gpus.size} unknown ${name}`
    const counters = new GpuCounters(this.run, columns, { clock: 'unix', device, attrs })
    const gpu = { counters, columns, lastNs: Number.NEGATIVE_INFINITY }
    this.gpus.set(key, gpu)
    return gpu
  }

  private sweep(nowNs: number): void {
    for (const [key, seen] of this.seen) {
      if (nowNs - seen.toNs <= FORGET_NS) continue
      this.seen.delete(key)
      this.write(seen)
    }
    this.sweptNs = nowNs
  }

  private write({ facts, sentNs, firstNs, endNs, fromNs, toNs }: Seen): void {
    this.run.writers.requests.append({
      request_id: this.run.nextRequestId(),
      shard: 0,
      prompt_id: facts.promptId || null,
      size: facts.size,
      scheduled_ns: sentNs ?? fromNs,
      sent_ns: sentNs,
      first_token_ns: firstNs,
      end_ns: endNs,
      status: codeOf(STATUSES, 'ok'),
      input_tokens: facts.inputTokens,
      output_tokens: facts.outputTokens,
      requested_tokens: facts.requestedTokens,
      phase: codeOf(PHASES, 'measured'),
      repeat: 0,
      model: facts.model,
      profiled: false,
      attrs: JSON.stringify({ labelled_from_ns: fromNs, labelled_to_ns: toNs }),
    })
    if (endNs !== null) this.run.until(endNs)
  }
}

function requestKey(file: CsvFile, record: CsvRecord): string | null {
  const promptId = file.text(record, 'prompt_id')
  const id = file.text(record, 'request_id')
  return promptId === '' && id === '' ? null : `${id} ${promptId}`
}

function factsOf(file: CsvFile, record: CsvRecord): RequestFacts {
  const ns = (column: string) => {
    const ms = file.number(record, column)
    return ms === null ? null : ms * 1e6
  }
  return {
    promptId: file.text(record, 'prompt_id'),
    sinceSentNs: ns('since_sent_ms'),
    ttftNs: ns('ttft_ms'),
    e2eNs: ns('e2e_ms'),
    size: file.number(record, 'size'),
    inputTokens: file.count(record, 'input_tokens'),
    outputTokens: file.count(record, 'output_tokens'),
    requestedTokens: file.count(record, 'output_tokens_requested'),
    model: file.textOrNull(record, 'llm_name'),
  }
}

function seenAt(tNs: number, facts: RequestFacts): Seen {
  const sentNs = facts.sinceSentNs === null ? null : tNs - facts.sinceSentNs
  const after = (ns: number | null) => (ns === null || sentNs === null ? null : sentNs + ns)
  return { facts, sentNs, firstNs: after(facts.ttftNs), endNs: after(facts.e2eNs), fromNs: tNs, toNs: tNs }
}

/** Files of one or both stages, side by side in the order of their stamps. */
async function read(files: readonly CsvFile[], run: RunWriter): Promise<void> {
  const reader = new VisionReader(run)
  const cursors = files.map((file) => ({ cursor: new RecordCursor(file), us: Number.NaN }))
  // To the next line that has a time.
  const advance = async (each: (typeof cursors)[number]) => {
    for (;;) {
      await each.cursor.advance()
      const { record, file } = each.cursor
      if (record === null) {
        each.us = Number.POSITIVE_INFINITY
        return
      }
      if (record.cut) {
        reader.lost++
        continue
      }
      const us = file.row(record, () => stampOf(file, record, 'timestamp'))
      if (us === null) continue
      each.us = us
      return
    }
  }
  for (const each of cursors) await advance(each)
  for (;;) {
    const first = cursors.reduce((a, b) => (b.us < a.us ? b : a))
    const { record, file } = first.cursor
    if (record === null) break
    file.row(record, () => reader.take(file, record, first.us))
    await advance(first)
  }
  reader.end()
  if (reader.samples === 0) throw noSamples(files)
  for (const file of files) {
    file.reportBad(run, 'counters', COLUMNS.filter(({ column }) => file.has(column)).length)
  }
  if (reader.lost > 0) {
    run.lose('counters', reader.lost * COLUMNS.length)
    run.note('warn', 'cut line', 'the last line of a file was cut off and is skipped')
  }
  run.note('note', 'idle', 'the files have samples within requests only')
  if (!files.every((file) => file.has('since_sent_ms', 'e2e_ms')))
    run.note('note', 'requests', 'the files do not have all times of requests: what they lack is NULL')
}

/** prefill_<gpu>.csv and decode_<gpu>.csv. */
export const tracerVision: CsvReader = {
  detect: (file) => file.has('timestamp', 'prompt_id', 'inference_stage', 'gpu_utilization'),
  read,
}

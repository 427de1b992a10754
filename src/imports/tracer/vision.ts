import { codeOf } from '../../trace/columns.ts'
import { PHASES, STATUSES } from '../../trace/tables.ts'
import { type CsvFile, type CsvRecord, RecordCursor } from '../csv-file.ts'
import type { ImportFormat } from '../import-format.ts'
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

interface Seen {
  promptId: string
  file: CsvFile
  record: CsvRecord
  sentNs: number | null
  firstNs: number | null
  endNs: number | null
  fromNs: number
  toNs: number
}

class VisionReader {
  samples = 0
  lost = 0
  private readonly run: RunWriter
  private readonly gpus = new Map<string, { counters: GpuCounters; lastNs: number }>()
  private readonly seen = new Map<string, Seen>()
  private epochUs: number | null = null
  private sweptNs = 0

  constructor(run: RunWriter) {
    this.run = run
  }

  take(file: CsvFile, record: CsvRecord, us: number): void {
    if (this.epochUs === null) {
      this.epochUs = us
      this.run.setEpoch(us)
    }
    const tNs = (us - this.epochUs) * 1000
    this.sample(file, record, tNs)
    this.request(file, record, tNs)
    this.samples++
    if (tNs - this.sweptNs > FORGET_NS) this.sweep(tNs)
  }

  end(): void {
    this.sweep(Number.POSITIVE_INFINITY)
  }

  /** The lines of a sample, one a request and stage, follow each other: its values are taken once. */
  private sample(file: CsvFile, record: CsvRecord, tNs: number): void {
    const name = file.text(record, 'gpu_name')
    const key = /^(?:prefill|decode)_(.+)\.csv$/.exec(file.name)?.[1] ?? name
    let gpu = this.gpus.get(key)
    if (gpu === undefined) {
      const windowMs = file.number(record, 'window_ms')
      const attrs = {
        source: 'tracer-vision',
        window_ns: windowMs === null ? null : windowMs * 1e6,
        update_period_ns: null,
      }
      const columns = COLUMNS.filter(({ column }) => file.has(column))
      const device = `${/_(\d+)$/.exec(key)?.[1] ?? this.gpus.size} unknown ${name}`
      gpu = {
        counters: new GpuCounters(this.run, columns, { clock: 'unix', device, attrs }),
        lastNs: Number.NEGATIVE_INFINITY,
      }
      this.gpus.set(key, gpu)
    }
    if (tNs === gpu.lastNs) return
    gpu.lastNs = tNs
    gpu.counters.add(tNs, (column) => file.number(record, column))
  }

  private request(file: CsvFile, record: CsvRecord, tNs: number): void {
    const promptId = file.text(record, 'prompt_id')
    const id = file.text(record, 'request_id')
    if (promptId === '' && id === '') return
    const key = `${id} ${promptId}`
    const before = this.seen.get(key)
    if (before !== undefined) {
      before.toNs = tNs
      return
    }
    const ms = (column: string) => {
      const value = file.number(record, column)
      return value === null ? null : value * 1e6
    }
    const since = ms('since_sent_ms')
    const sentNs = since === null ? null : tNs - since
    const after = (column: string) => {
      const value = ms(column)
      return value === null || sentNs === null ? null : sentNs + value
    }
    this.seen.set(key, {
      promptId,
      file,
      record,
      sentNs,
      firstNs: after('ttft_ms'),
      endNs: after('e2e_ms'),
      fromNs: tNs,
      toNs: tNs,
    })
  }

  private sweep(nowNs: number): void {
    for (const [key, seen] of this.seen) {
      if (nowNs - seen.toNs <= FORGET_NS) continue
      this.seen.delete(key)
      this.write(seen)
    }
    this.sweptNs = nowNs
  }

  private write({ promptId, file, record, sentNs, firstNs, endNs, fromNs, toNs }: Seen): void {
    this.run.writers.requests.append({
      request_id: this.run.nextRequestId(),
      shard: 0,
      prompt_id: promptId || null,
      size: file.number(record, 'size'),
      scheduled_ns: sentNs ?? fromNs,
      sent_ns: sentNs,
      first_token_ns: firstNs,
      end_ns: endNs,
      status: codeOf(STATUSES, 'ok'),
      input_tokens: file.count(record, 'input_tokens'),
      output_tokens: file.count(record, 'output_tokens'),
      requested_tokens: file.count(record, 'output_tokens_requested'),
      phase: codeOf(PHASES, 'measured'),
      repeat: 0,
      model: file.textOrNull(record, 'llm_name'),
      profiled: false,
      attrs: JSON.stringify({ labelled_from_ns: fromNs, labelled_to_ns: toNs }),
    })
    if (endNs !== null) this.run.until(endNs)
  }
}

/** Files of one or both stages, side by side in the order of their stamps. */
async function read(files: readonly CsvFile[], run: RunWriter): Promise<void> {
  const reader = new VisionReader(run)
  const cursors = files.map((file) => ({ cursor: new RecordCursor(file), us: Number.NaN }))
  const advance = async (each: (typeof cursors)[number]) => {
    await each.cursor.advance()
    if (each.cursor.record?.cut) {
      reader.lost++
      await each.cursor.advance()
    }
    const { record, file } = each.cursor
    each.us = record === null ? Number.POSITIVE_INFINITY : stampOf(file, record, 'timestamp')
  }
  for (const each of cursors) await advance(each)
  for (;;) {
    const first = cursors.reduce((a, b) => (b.us < a.us ? b : a))
    const { record, file } = first.cursor
    if (record === null) break
    reader.take(file, record, first.us)
    await advance(first)
  }
  reader.end()
  if (reader.samples === 0) throw noSamples(files)
  if (reader.lost > 0) {
    run.lose('counters', reader.lost * COLUMNS.length)
    run.note('warn', 'cut line', 'the last line of a file was cut off and is left out')
  }
  run.note('note', 'idle', 'the files have samples within requests only')
  if (!files.every((file) => file.has('since_sent_ms', 'e2e_ms')))
    run.note('note', 'requests', 'the files do not have all times of requests: what they lack is NULL')
}

/** prefill_<gpu>.csv and decode_<gpu>.csv. */
export const tracerVision: ImportFormat = {
  id: 'tracer-vision',
  detect: (file) => file.has('timestamp', 'prompt_id', 'inference_stage', 'gpu_utilization'),
  read,
}

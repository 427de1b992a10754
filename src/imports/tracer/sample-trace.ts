import { LayerlineError } from '../../base/errors.ts'
import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import type { CsvFile, CsvRecord } from '../csv-file.ts'
import type { CsvReader } from '../import-format.ts'
import type { RunWriter } from '../run-writer.ts'
import { type ClockStretch, clockStretches, GPU_CLOCK, stampOf, unknownZone, writeClock } from './gpu-clock.ts'
import { type GpuColumn, GpuCounters } from './gpu-counters.ts'
import { type Label, LabelStretches } from './label-stretches.ts'

/** What differs between the Tracer's two files of samples. */
interface Shape {
  readonly stamp: string
  /** The other clock's column, where the file has one. */
  readonly log: string | null
  readonly columns: readonly GpuColumn[]
  readonly size: string
  readonly input: string
  readonly output: string
  readonly tokensAre: string
}

const percent = (column: string, track: string): GpuColumn => ({ column, track, unit: 'ratio', scale: 0.01 })

const TRACE: Shape = {
  stamp: 'gpu_ts',
  log: 'logged_at',
  columns: [percent('gpu_util', 'gpu_utilization_ratio'), percent('mem_util', 'memory_utilization_ratio')],
  size: 'prompt_size',
  input: 'in_toks',
  output: 'out_toks',
  tokensAre: 'as the file says; the original Tracer counted words',
}

const PERFORMANCE: Shape = {
  stamp: 'timestamp',
  log: null,
  columns: [percent('util_gpu', 'gpu_utilization_ratio'), percent('util_mem', 'memory_utilization_ratio')],
  size: 'size',
  input: 'input_tokens',
  output: 'output_tokens',
  tokensAre: 'as the file says',
}

const ATTRS = { source: 'tracer-csv', window_ns: null, update_period_ns: null }

async function read(shape: Shape, files: readonly CsvFile[], run: RunWriter): Promise<void> {
  let epochUs: number | null = null
  let samples = 0
  let lost = 0
  // The files of one GPU, split by size, are one GPU's samples.
  const gpus = new Map<string | null, GpuCounters>()
  let delays: ((tNs: number, delayNs: number) => void) | null = null
  for (const file of files) {
    const stretches = shape.log === null ? [unknownZone()] : await clockStretches(file, shape.stamp, shape.log)
    const device = /_gpu(\w+?)[_.]/.exec(file.name)?.[1] ?? null
    let gpu = gpus.get(device)
    const labels = new LabelStretches(run, shape.tokensAre)
    let at = -1
    for await (const records of file.records()) {
      for (const record of records) {
        if (record.cut) {
          lost++
          continue
        }
        const sample = file.row(record, () => ({
          gpuUs: stampOf(file, record, shape.stamp),
          values: shape.columns.map(({ column }) => file.number(record, column)),
          loggedUs:
            shape.log === null || file.text(record, shape.log) === '' ? Number.NaN : stampOf(file, record, shape.log),
          label: labelOf(shape, file, record),
        }))
        if (sample === null) continue
        const before = at
        while ((stretches[at + 1]?.fromLine ?? Number.POSITIVE_INFINITY) <= record.line) at++
        const moved = at > before
        const stretch = stretches[at] as ClockStretch
        const unixUs = sample.gpuUs - stretch.offsetUs
        if (epochUs === null) {
          epochUs = unixUs
          run.setEpoch(epochUs, [GPU_CLOCK])
        }
        if (gpu === undefined) {
          gpu = new GpuCounters(run, shape.columns, {
            clock: GPU_CLOCK,
            device: device && `${device} unknown gpu`,
            attrs: ATTRS,
          })
          gpus.set(device, gpu)
        }
        const tNs = (unixUs - epochUs) * 1000
        if (moved) writeClock(run, tNs, stretch)
        gpu.add(tNs, sample.values)
        if (!Number.isNaN(sample.loggedUs)) {
          delays ??= logDelays(run)
          delays(tNs, (sample.loggedUs - unixUs) * 1000)
        }
        labels.see(tNs, sample.label)
        samples++
      }
    }
    labels.end()
    for (const { method, offsetUs, uncertaintyUs } of stretches) {
      run.note(
        uncertaintyUs > 60e6 ? 'warn' : 'note',
        'gpu clock',
        `${file.name}: ${method}; offset ${offsetUs / 1e6} s, uncertain by ${uncertaintyUs / 1e6} s`,
      )
    }
  }
  if (samples === 0) throw noSamples(files)
  for (const file of files) file.reportBad(run, 'counters', shape.columns.length)
  if (lost > 0) {
    run.lose('counters', lost * shape.columns.length)
    run.note('warn', 'cut line', 'the last line of a file was cut off and is skipped')
  }
  run.note(
    'note',
    'requests',
    'the file labels samples and has no times of requests: their times are NULL, latencies are not known',
  )
  run.note('note', 'tokens', `token counts are ${shape.tokensAre}`)
}

function labelOf(shape: Shape, file: CsvFile, record: CsvRecord): Label | null {
  const promptId = file.text(record, 'prompt_id')
  if (promptId === '') return null
  return {
    promptId,
    inputTokens: file.count(record, shape.input),
    outputTokens: file.count(record, shape.output),
    size: file.number(record, shape.size),
    model: file.textOrNull(record, 'model'),
  }
}

/** What each line was logged later than it was sampled: with it nothing of the file is lost. */
function logDelays(run: RunWriter): (tNs: number, delayNs: number) => void {
  const track_id = run.nextId('track')
  run.writers.tracks.append({
    track_id,
    layer: codeOf(LAYERS, 'client'),
    name: 'log_delay_ns',
    unit: 'ns',
    clock: 'unix',
    attrs: JSON.stringify({ field: 'logged_at', source: 'tracer-csv' }),
  })
  return (tNs, delayNs) => run.writers.counters.append({ track_id, t_ns: tNs, value: delayNs })
}

/** Of files of which no line is good. */
export function noSamples(files: readonly CsvFile[]): LayerlineError {
  const bad = files.find(({ firstBad }) => firstBad !== null)
  if (bad?.firstBad != null) return bad.firstBad
  return new LayerlineError(
    'input/import-empty',
    `${files.map(({ path }) => path).join(', ')}: no lines after the header`,
  )
}

/** trace_<time>.csv, as the Tracer and our own export write it. */
export const tracerTrace: CsvReader = {
  detect: (file) => file.has('gpu_ts', 'gpu_util', 'mem_util', 'logged_at', 'prompt_id'),
  read: (files, run) => read(TRACE, files, run),
}

/** performance_tracing_*.csv of the published traces. */
export const tracerPerformance: CsvReader = {
  detect: (file) => file.has('timestamp', 'prompt_id', 'util_gpu', 'util_mem'),
  read: (files, run) => read(PERFORMANCE, files, run),
}

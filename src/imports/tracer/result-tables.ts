import { codeOf } from '../../trace/columns.ts'
import { LAYERS, PHASES, STAGES, STATUSES } from '../../trace/tables.ts'
import type { CsvFile, CsvRecord } from '../csv-file.ts'
import type { CsvReader } from '../import-format.ts'
import type { RunWriter } from '../run-writer.ts'
import { noSamples } from './sample-trace.ts'

const RAW = ['latency_s', 'response_size'] as const
const FILTERED = ['median_latency_s', 'median_throughput_tokens_per_s'] as const
/** What a filtered table's line is about; the rest are its figures. */
const KEYS: ReadonlySet<string> = new Set(['model', 'prompt_size', 'requested_response_size', 'requested_length'])
const UNITS: Readonly<Record<string, string>> = {
  median_latency_s: 's',
  median_throughput_tokens_per_s: 'tokens/s',
  actual_median_response_size: 'tokens',
}

/** Requests of a raw table are laid end to end, in the order of its lines: it has latencies and no times. */
class RawReader {
  private readonly run: RunWriter
  private atNs = 0

  constructor(run: RunWriter) {
    this.run = run
  }

  /** Writes a request; throws, before that, where its line is bad. */
  take(file: CsvFile, record: CsvRecord): void {
    const latency = file.number(record, 'latency_s')
    if (latency === null || latency < 0) throw file.wrong(record, 'latency_s', 'seconds of 0 or more')
    const ttft = file.number(record, 'ttft_s')
    const decode = file.has('requested_length')
    const sent = this.atNs
    const end = sent + latency * 1e9
    const row = {
      shard: 0,
      prompt_id: file.textOrNull(record, 'prompt_id'),
      stage: codeOf(STAGES, decode ? 'decode' : 'prefill'),
      size: file.number(record, decode ? 'requested_length' : 'requested_response_size'),
      scheduled_ns: sent,
      sent_ns: sent,
      first_token_ns: ttft === null ? null : sent + ttft * 1e9,
      end_ns: end,
      status: codeOf(STATUSES, 'ok'),
      input_tokens: file.count(record, 'input_tokens'),
      output_tokens: file.count(record, 'response_size'),
      phase: codeOf(PHASES, 'measured'),
      repeat: 0,
      model: file.textOrNull(record, 'llm'),
      profiled: false,
      attrs: JSON.stringify({
        ...facts(file, record, ['provider', 'gpu', 'engine']),
        throughput_tokens_per_s: file.number(record, 'throughput_tokens_per_s'),
        table: file.name,
        line: record.line,
      }),
    }
    this.atNs = end
    this.run.until(end)
    this.run.writers.requests.append({ request_id: this.run.nextRequestId(), ...row })
  }
}

/** A filtered table's line is no request: each of its figures becomes a track with one value. */
function takeFiltered(run: RunWriter, file: CsvFile, record: CsvRecord): void {
  const figures = file.columns.filter((name) => !KEYS.has(name))
  const values = figures.map((name) => file.number(record, name))
  for (const [i, name] of figures.entries()) {
    const track_id = run.nextId('track')
    run.writers.tracks.append({
      track_id,
      layer: codeOf(LAYERS, 'request'),
      name,
      unit: UNITS[name] ?? '1',
      clock: 'run',
      attrs: JSON.stringify({ source: file.name, ...facts(file, record, [...KEYS]) }),
    })
    run.writers.counters.append({ track_id, t_ns: 0, value: values[i] ?? null })
  }
}

function facts(file: CsvFile, record: CsvRecord, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.filter((name) => file.text(record, name) !== '').map((name) => [name, file.text(record, name)]),
  )
}

async function read(files: readonly CsvFile[], run: RunWriter): Promise<void> {
  const raw = new RawReader(run)
  let lines = 0
  for (const file of files) {
    const isRaw = file.has(...RAW)
    for await (const records of file.records()) {
      for (const record of records) {
        if (record.cut) {
          run.lose(isRaw ? 'requests' : 'counters', 1)
          run.note('warn', 'cut line', `${file.name}: the last line was cut off and is skipped`)
          continue
        }
        const isGood = file.row(record, () => {
          if (isRaw) raw.take(file, record)
          else takeFiltered(run, file, record)
          return true
        })
        if (isGood === true) lines++
      }
    }
    if (isRaw) file.reportBad(run, 'requests')
    else file.reportBad(run, 'counters', file.columns.filter((name) => !KEYS.has(name)).length)
  }
  if (lines === 0) throw noSamples(files)
  if (run.requestCount > 0) {
    run.note(
      'warn',
      'times',
      'the table has latencies and no times: requests are laid end to end from 1970, only their durations mean something',
    )
  }
}

/** raw_prefill.csv, raw_decode.csv, filtered_prefill.csv, filtered_decode.csv. */
export const tracerTables: CsvReader = {
  detect: (file) => file.has(...RAW) || file.has(...FILTERED),
  read,
}

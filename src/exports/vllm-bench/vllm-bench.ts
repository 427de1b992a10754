import { definedFigures } from '../../analysis/definitions/defined-figures.ts'
import type { RunJson } from '../../trace/run-json.ts'
import type { ExportedFile } from '../export-options.ts'
import { OutFile } from '../out-file.ts'
import { openSealedRun, type SealedRun } from '../sealed-run.ts'
import { ARRAYS, PEAKS, TOTALS } from './vllm-sql.ts'

/** The percentiles that the tool reports unless asked for others. */
const FIGURES = ['ttft_ms', 'tpot_ms', 'itl_ms', 'e2el_ms'] as const

/** JSON with commas and colons spaced as Python's json.dump does. */
class PythonJson {
  private readonly file: OutFile
  private first = true

  constructor(file: OutFile) {
    this.file = file
  }

  put(text: string): void {
    this.file.write(Buffer.from(text))
  }

  key(name: string): void {
    this.put(`${this.first ? '{' : ', '}${JSON.stringify(name)}: `)
    this.first = false
  }

  pair(name: string, value: unknown): void {
    this.key(name)
    this.put(JSON.stringify(value))
  }
}

/** Writes a run as `vllm bench serve --save-result --save-detailed` 0.32 would have; every measured request is one of its. */
export async function writeVllmBench(folder: string, out: string): Promise<ExportedFile[]> {
  const sealed = await openSealedRun(folder)
  try {
    const file = new OutFile(out)
    try {
      const rows = await writeResult(sealed, new PythonJson(file))
      file.done()
      return [{ path: out, rows, what: 'requests' }]
    } catch (error) {
      file.abandon()
      throw error
    }
  } finally {
    sealed.close()
  }
}

async function writeResult(sealed: SealedRun, json: PythonJson): Promise<number> {
  const { run, reader } = sealed
  const [totals = {}] = await reader.query(TOTALS)
  const [peaks = {}] = await reader.query(PEAKS)
  const figures = await definedFigures(reader, 'vllm')
  const rate = (name: string) => figures.rates.find((each) => each.name === name)?.value ?? 0
  const offered = Number(totals.offered)
  for (const [name, value] of head(run, totals)) json.pair(name, value)
  json.pair('duration', Number(totals.duration ?? 0))
  json.pair('completed', Number(totals.completed))
  json.pair('failed', offered - Number(totals.completed))
  json.pair('total_input_tokens', Number(totals.input_tokens ?? 0))
  json.pair('total_output_tokens', Number(totals.output_tokens ?? 0))
  json.pair('request_throughput', rate('request_throughput'))
  json.pair('request_goodput', null)
  json.pair('output_throughput', rate('output_throughput'))
  json.pair('total_token_throughput', rate('total_token_throughput'))
  for (const [name, sql] of Object.entries(ARRAYS)) {
    json.key(name)
    await writeArray(sealed, json, sql)
  }
  json.pair('max_output_tokens_per_s', Number(peaks.tokens_per_s ?? 0))
  json.pair('max_concurrent_requests', Number(peaks.concurrent ?? 0))
  json.pair('rtfx', 0)
  for (const name of FIGURES) {
    const found = figures.distributions.find((each) => each.name === name)
    json.pair(`mean_${name}`, found?.mean ?? 0)
    json.pair(`median_${name}`, found?.p50 ?? 0)
    json.pair(`std_${name}`, found?.std ?? 0)
    json.pair(`p99_${name}`, found?.p99 ?? 0)
  }
  json.put('}')
  return offered
}

/** What the tool says of how it was called; what a run does not know is null. */
function head(run: RunJson, totals: Record<string, unknown>): [string, unknown][] {
  const chat = totals.endpoint === null || String(totals.endpoint).endsWith('/chat/completions')
  const model = run.engine?.model ?? totals.model ?? run.config.model ?? null
  const ended = new Date(run.ended ?? run.started)
  const number = (name: string) => (typeof run.config[name] === 'number' ? run.config[name] : null)
  const closed = run.loop === 'closed'
  return [
    ['date', ended.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)],
    ['endpoint_type', chat ? 'openai-chat' : 'openai'],
    ['backend', chat ? 'openai-chat' : 'openai'],
    ['label', null],
    ['model_id', model],
    ['tokenizer_id', run.config.tokenizer ?? model],
    ['num_prompts', Number(totals.offered)],
    ['request_rate', closed ? 'inf' : (number('rate') ?? totals.offered_per_s ?? 'inf')],
    ['burstiness', number('burstiness')],
    ['max_concurrency', number('max_concurrency') ?? (closed ? number('concurrency') : number('max_in_flight'))],
  ]
}

/** One column of JSON texts, streamed: memory does not grow with the run. */
async function writeArray(sealed: SealedRun, json: PythonJson, sql: string): Promise<void> {
  json.put('[')
  let first = true
  for await (const { columns } of sealed.batches(sql)) {
    const texts = columns[0] ?? []
    if (texts.length === 0) continue
    json.put(`${first ? '' : ', '}${texts.join(', ')}`)
    first = false
  }
  json.put(']')
}

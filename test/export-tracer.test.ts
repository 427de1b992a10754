import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXPORTS } from '../src/exports/registry.ts'
import { readRunJson } from '../src/store/run-folder.ts'
import { GPU_OFFSET_NS, type KnownRequest, knownRun, REQUESTS, SAMPLES, WINDOW_NS } from './support/known-run.ts'
import { tempFolder } from './support/temp-folder.ts'

const tracer = EXPORTS['tracer-csv']

/** What two stretches have in common. */
const common = (a: number, b: number, from: number, to: number) => Math.min(b, to) - Math.max(a, from)

/** A request is on the server from its sending to its last token, a ms before its end here; else to its end. */
const lastNs = ({ first, end }: KnownRequest) => (first === null ? end : end - 1e6)

/** The heaviest request of a sample: ms by ms over its window, each shared among the requests in flight. */
function heaviest(tNs: number): KnownRequest | null {
  const weights = new Map<KnownRequest, number>()
  for (let ms = (tNs - WINDOW_NS) / 1e6; ms < tNs / 1e6; ms++) {
    const flying = REQUESTS.filter((r) => r.sent <= ms * 1e6 && lastNs(r) > ms * 1e6)
    for (const r of flying) weights.set(r, (weights.get(r) ?? 0) + 1 / flying.length)
  }
  return [...weights].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null
}

const quoted = (text: string) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
const lines = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n')

function expectedLines(run: string): string[] {
  const epochNs = BigInt(readRunJson(run).epoch_ns)
  return SAMPLES.map(({ tNs, utilization, memory }) => {
    const gpuMs = Number((epochNs + BigInt(tNs + GPU_OFFSET_NS) + 500_000n) / 1_000_000n)
    const gpuTs = new Date(gpuMs).toISOString().replace('T', ' ').replaceAll('-', '/').slice(0, 23)
    const r = heaviest(tNs)
    const label = r === null ? ',,,' : `${quoted(r.prompt)},${r.input},${r.output},${r.size}`
    const percent = (ratio: number | null) => (ratio === null ? '' : String(Math.round(ratio * 100)))
    return `${gpuTs},${percent(utilization)},${percent(memory)}|${label},meta/Test-1B`
  })
}

/** Lines without `logged_at`, whose unix offset is measured in the run. */
const withoutLoggedAt = (line: string) => line.replace(/,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6},/, '|')

describe('tracer-csv', () => {
  test('nine columns, one line a sample, the heaviest request by overlap', async () => {
    const folder = tempFolder()
    const run = await knownRun(folder)
    const [file] = await tracer.write(run, join(folder, 'out'), {})
    expect(basename(file?.path ?? '')).toMatch(/^trace_\d{8}_\d{6}\.csv$/)
    const [header, ...rows] = lines(file?.path ?? '')
    expect(header).toBe('gpu_ts,gpu_util,mem_util,logged_at,prompt_id,in_toks,out_toks,prompt_size,model')
    expect(rows.map(withoutLoggedAt)).toEqual(expectedLines(run))
    expect(file?.rows).toBe(SAMPLES.length)
    const logged = rows.map((row) => Date.parse(`${/\d{4}-\d\d-\d\dT[\d:.]+/.exec(row)?.[0]}Z`))
    const epochMs = Number(BigInt(readRunJson(run).epoch_ns) / 1_000_000n)
    expect(Math.abs((logged[0] as number) - (epochMs + 7))).toBeLessThanOrEqual(2)
    await expect(tracer.write(run, join(folder, 'out'), {})).rejects.toThrow(/exists already/)
  })

  test('--split size puts every sample in one file a size', async () => {
    const folder = tempFolder()
    const run = await knownRun(folder)
    const files = await tracer.write(run, join(folder, 'out'), { split: 'size' })
    const contents = files.map(({ path }) => lines(path).slice(1))
    const sizes = contents.map((rows) => [...new Set(rows.map((row) => row.split(',').at(-2)))])
    expect(sizes).toEqual([['64'], ['128']])
    expect(contents.flat().length).toBe(SAMPLES.length)
    const labelled = contents.flat().filter((row) => row.includes('sea'))
    expect(labelled.length).toBe(SAMPLES.filter(({ tNs }) => heaviest(tNs)?.prompt === 'sea').length)
  })

  test('a window, one named file, and no GPU at all', async () => {
    const folder = tempFolder()
    const run = await knownRun(folder)
    const out = join(folder, 'part.csv')
    await tracer.write(run, out, { fromNs: 1e9, toNs: 1.5e9 })
    expect(lines(out).length - 1).toBe(SAMPLES.filter(({ tNs }) => tNs >= 1e9 && tNs < 1.5e9).length)
    await expect(tracer.write(run, join(folder, 'v.csv'), { vision: true })).rejects.toThrow(/expected a folder/)
    await expect(tracer.write(run, folder, { vision: true, tables: true })).rejects.toThrow(/expected one of them/)
  })

  test('--vision: a line for every request in a stage during a window', async () => {
    const folder = tempFolder()
    const run = await knownRun(folder)
    await tracer.write(run, join(folder, 'out'), { vision: true })
    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['decode_A10.csv', 'prefill_A10.csv'])
    for (const stage of ['prefill', 'decode'] as const) {
      const [header = '', ...rows] = lines(join(folder, 'out', `${stage}_A10.csv`))
      const names = header.split(',')
      expect(names.slice(0, 10)).toEqual(
        'timestamp,prompt_id,input_tokens,output_tokens_requested,output_tokens,gpu_name,llm_name,inference_stage,gpu_utilization,power_w'.split(
          ',',
        ),
      )
      const at = (row: string, name: string) => row.replace('"the, ""moon"""', 'moon').split(',')[names.indexOf(name)]
      const expected = SAMPLES.flatMap(({ tNs, powerW }) =>
        REQUESTS.flatMap((r) => {
          const stop = r.first ?? r.end
          const [from, to] = stage === 'prefill' ? [r.sent, stop] : [stop, r.first === null ? stop : lastNs(r)]
          const ns = common(tNs - WINDOW_NS, tNs, from, to)
          return ns > 0 ? [[r.id, Number((ns / WINDOW_NS).toFixed(6)), (tNs - r.sent) / 1e6, powerW].join(' ')] : []
        }),
      )
      const found = rows.map((row) =>
        ['request_id', 'overlap', 'since_sent_ms', 'power_w'].map((name) => Number(at(row, name))).join(' '),
      )
      expect(found).toEqual(expected)
      expect(expected.length).toBeGreaterThan(5)
      expect(new Set(rows.map((row) => at(row, 'inference_stage')))).toEqual(new Set([stage]))
    }
  })

  test('--tables: one line a request, medians by size without answers cut short', async () => {
    const folder = tempFolder()
    const run = await knownRun(folder)
    await tracer.write(run, join(folder, 'out'), { tables: true })
    const read = (name: string) => lines(join(folder, 'out', name))
    expect(read('raw_prefill.csv')[1]).toMatch(/^"?"?,A10,"?"?,meta\/Test-1B,64,1,0\.7,91\.429,0,sea,64,0\.2$/)
    expect(read('raw_decode.csv').length).toBe(3)
    expect(read('filtered_prefill.csv')).toEqual([
      'model,prompt_size,median_latency_s,median_throughput_tokens_per_s,requests,left_out',
      'meta/Test-1B,64,0.7,91.429,1,0',
    ])
    // Request 3 gave 20 of 128 tokens.
    expect(read('filtered_decode.csv')).toEqual([
      'requested_response_size,actual_median_response_size,median_latency_s,median_throughput_tokens_per_s,requests,left_out,model',
      '128,120,0.9,133.333,1,1,meta/Test-1B',
    ])
  })
})

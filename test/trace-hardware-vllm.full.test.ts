import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openRun } from '../src/store/read/open-run.ts'
import type { SqlRow } from '../src/store/read/run-reader.ts'
import { loadPrompts } from '../src/workload/prompts.ts'
import { layerline } from './support/cli.ts'
import { needs } from './support/needs.ts'
import { sharedData } from './support/shared-cases.ts'
import { noSshd, sessionPath, startSshd } from './support/sshd.ts'
import { tempFolder } from './support/temp-folder.ts'
import { useVllm, vllmCounters } from './support/vllm.ts'

const FAKE = join(import.meta.dirname, 'fake-nvidia-smi')
const MINUTES = 60_000
/** nvidia-smi's utilisation is a mean over a second at most. */
const WINDOW_S = 1
/** A sample that repeats its sensor's last value has the label of the one that it repeats; a stamp has whole ms. */
const LABEL_LAG_S = 0.15

const vllm = useVllm()

/** The fake's busy share over the 1/6 s before, %, by the formula of its README; Unix time in s. */
function utilization(unixS: number): number {
  const turn = (2 * Math.PI) / 20
  const at = (s: number): number => Math.cos(turn * s)
  return Math.round(100 * (0.5 + (0.4 / turn / (1 / 6)) * (at(unixS - 1 / 6) - at(unixS))))
}

describe('a trace of vLLM with a GPU host beside it', () => {
  needs(noSshd)

  it(
    "tells vLLM's own tokens, samples for each request, true labels and clocks",
    async (context) => {
      const prompts = sharedData(context, 'prompts/for_tracing_decode.csv')
      const { engine } = vllm
      const folder = tempFolder()
      const out = join(folder, 'run')
      const host = await startSshd({ PATH: sessionPath(FAKE), FAKE_SMI_GPUS: '1' })
      onTestFinished(() => host.stop())
      const before = await vllmCounters(engine.url)
      const load = ['--prompts', prompts, '--sizes', '64,128,256,512', '--max-tokens', '128', '--url', engine.url]
      const gpu = ['--gpu', `ssh://${host.user}@127.0.0.1:${host.port}`, '--ssh-config', host.configPath]
      const metrics = ['--engine-metrics', new URL('/metrics', engine.url).href]
      const traced = await layerline(folder, [
        'trace',
        ...load,
        ...gpu,
        ...metrics,
        '--sample-ms',
        '100',
        '--seed',
        '3',
        '--out',
        out,
        '--quiet',
      ])
      expect({ code: traced.code, stderr: traced.stderr }).toEqual({ code: 0, stderr: '' })
      const after = await vllmCounters(engine.url)
      const growth = (name: string): number => (after[name] ?? Number.NaN) - (before[name] ?? Number.NaN)

      const run = await openRun(out)
      const epochS = Number(run.run.epoch_ns) / 1e9
      const unixRows = await run.query("SELECT * FROM clocks WHERE clock = 'unix' ORDER BY t_ns")
      const unixS = (tNs: number): number => epochS + (tNs + Number(nearest(unixRows, tNs).offset_ns)) / 1e9
      const requests = (
        await run.query(
          'SELECT request_id, prompt_id, size, sent_ns, last_token_ns, end_ns, input_tokens, output_tokens, status FROM requests ORDER BY sent_ns',
        )
      ).map((row) => ({ ...row, fromS: unixS(Number(row.sent_ns)), toS: unixS(Number(row.last_token_ns)) }) as Flight)

      // What vLLM counted itself, and what the run sampled of its counters.
      expect(requests.map(({ size, status }) => [size, status])).toEqual(
        [64, 128, 256, 512].map((size) => [size, 'ok']),
      )
      const sum = (name: 'input_tokens' | 'output_tokens'): number =>
        requests.reduce((total, request) => total + Number(request[name]), 0)
      expect(sum('input_tokens')).toBe(growth('prompt_tokens_total'))
      expect(sum('output_tokens')).toBe(growth('generation_tokens_total'))
      const sampled = await run.query(
        "SELECT name, last(value ORDER BY t_ns) - first(value ORDER BY t_ns) AS added FROM named_counters WHERE name IN ('prompt_tokens_total', 'generation_tokens_total') GROUP BY ALL ORDER BY name",
      )
      expect(sampled).toEqual([
        { name: 'generation_tokens_total', added: growth('generation_tokens_total') },
        { name: 'prompt_tokens_total', added: growth('prompt_tokens_total') },
      ])

      // Samples: each request's own, and each the sensor's truth at its time.
      const samples = await run.query(
        "SELECT t_ns, value FROM named_counters WHERE layer = 'gpu' AND name = 'gpu_utilization_ratio' ORDER BY t_ns",
      )
      for (const { sent_ns, end_ns } of requests) {
        const inside = samples.filter(({ t_ns }) => Number(t_ns) >= Number(sent_ns) && Number(t_ns) <= Number(end_ns))
        const lasted = (Number(end_ns) - Number(sent_ns)) / 1e6
        // The machine's two cores are vLLM's: its sampler may come late, not half of the time.
        if (lasted > 300) expect(inside.length).toBeGreaterThanOrEqual(Math.floor(lasted / 100 / 2))
      }
      for (const { t_ns, value } of samples) {
        const s = unixS(Number(t_ns))
        const held = [-0.005, 0, 0.002].map((off) => utilization(Math.floor((s + off) * 10 + 1e-6) / 10))
        expect(held).toContain(Math.round(100 * Number(value)))
      }

      // Clocks: the host is this one, its true offsets known: none, and the fake's two hours.
      const clocks = await run.query("SELECT * FROM clocks WHERE clock <> 'unix'")
      expect(new Set(clocks.map(({ clock }) => String(clock).replace(/^.* (unix|local time)$/, '$1')))).toEqual(
        new Set(['unix', 'local time']),
      )
      for (const row of clocks) {
        const mine = nearest(unixRows, Number(row.t_ns))
        const truth = Number(mine.offset_ns) + (String(row.clock).endsWith(' unix') ? 0 : 7200e9)
        const doubt = Number(row.uncertainty_ns) + Number(mine.uncertainty_ns)
        expect(Math.abs(Number(row.offset_ns) - truth)).toBeLessThanOrEqual(doubt)
        expect(Number(row.uncertainty_ns)).toBeLessThan(50e6)
      }
      await run.close()

      const csv = join(folder, 'trace.csv')
      const exported = await layerline(folder, ['export', out, '--to', 'tracer-csv', '--out', csv])
      expect(exported).toMatchObject({ code: 0 })
      checkLabels(readFileSync(csv, 'utf8'), requests, samples.length)
    },
    5 * MINUTES,
  )
})

interface Flight extends SqlRow {
  /** In flight from and to, Unix time, s. */
  fromS: number
  toS: number
}

function nearest(rows: readonly SqlRow[], tNs: number): SqlRow {
  const off = (row: SqlRow): number => Math.abs(Number(row.t_ns) - tNs)
  return rows.toSorted((a, b) => off(a) - off(b))[0] ?? {}
}

/** The request with most of the second before a moment. */
function heaviest(requests: readonly Flight[], unixS: number): string {
  const shares = requests.map(({ fromS, toS }) => Math.min(unixS, toS) - Math.max(unixS - WINDOW_S, fromS))
  const most = Math.max(...shares)
  return most > 0 ? String(requests[shares.indexOf(most)]?.prompt_id) : ''
}

/** Each line of a tracer-csv by what the requests' times say, and the time that its GPU showed by the fake's zone. */
function checkLabels(csv: string, requests: readonly Flight[], samples: number): void {
  const [header, ...lines] = csv.trim().split('\n')
  expect(header).toBe('gpu_ts,gpu_util,mem_util,logged_at,prompt_id,in_toks,out_toks,prompt_size,model')
  expect(lines).toHaveLength(samples)
  const seen = new Map<string, number>()
  for (const line of lines) {
    const [shown = '', util, memory, logged = '', prompt = '', input, output, size, model] = line.split(',')
    const unixMs = Date.parse(`${logged.slice(0, 23)}Z`)
    const local = Date.parse(`${shown.replaceAll('/', '-').replace(' ', 'T')}Z`)
    expect(Math.abs(local - unixMs - 7200e3)).toBeLessThanOrEqual(50)
    const due = [0, LABEL_LAG_S / 2, LABEL_LAG_S].map((lag) => heaviest(requests, unixMs / 1000 - lag))
    expect(due).toContain(prompt)
    const request = requests.find(({ prompt_id }) => prompt_id === prompt)
    const text = (value: unknown): string => (value === undefined || value === null ? '' : String(value))
    expect([input, output, size]).toEqual([request?.input_tokens, request?.output_tokens, request?.size].map(text))
    expect(model).toBe('SmolLM2-135M-Instruct')
    // Half of each other, each rounded by itself.
    expect(Math.abs(Number(memory) - Number(util) / 2)).toBeLessThanOrEqual(0.75)
    seen.set(prompt, (seen.get(prompt) ?? 0) + 1)
  }
  for (const { prompt_id, fromS, toS } of requests) {
    if (toS - fromS > WINDOW_S) expect(seen.get(String(prompt_id)) ?? 0).toBeGreaterThan((toS - fromS) / 0.1 / 2)
  }
}

const QUESTION = ' Summarize in 1 word.'

describe('prompts make, by the /tokenize of vLLM', () => {
  async function tokens(prompt: string): Promise<number> {
    const body = JSON.stringify({ prompt, add_special_tokens: false })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(new URL('/tokenize', vllm.engine.url), { method: 'POST', headers, body })
    return ((await answer.json()) as { count: number }).count
  }

  it(
    'is exact for both stages, to the longest texts',
    async () => {
      const folder = tempFolder()
      const make = (stage: string, out: string, ...more: string[]) =>
        layerline(folder, [
          'prompts',
          'make',
          '--stage',
          stage,
          '--url',
          vllm.engine.url,
          '--out',
          out,
          '--seed',
          '9',
          ...more,
        ])
      const sizes = [10, 50, 100, 1000, 10_000]
      expect(await make('prefill', 'p.csv', '--per-size', '3')).toMatchObject({ code: 0 })
      const texts = await loadPrompts(join(folder, 'p.csv'))
      expect(texts.map(({ size }) => size)).toEqual(sizes.flatMap((size) => [size, size, size]))
      for (const { prompt, size, attrs } of texts) {
        const text = String(prompt)
        expect(text.endsWith(QUESTION)).toBe(true)
        expect(await tokens(text.slice(0, -QUESTION.length))).toBe(size)
        expect(await tokens(text)).toBe(Number(attrs?.prompt_tokens))
      }
      expect(await make('decode', 'd.csv', '--per-size', '3', '--unit', 'tokens')).toMatchObject({ code: 0 })
      const stories = await loadPrompts(join(folder, 'd.csv'))
      expect(stories.map(({ size, maxTokens }) => [size, maxTokens])).toEqual(
        sizes.flatMap((size) => [size, size, size].map((each) => [each, each])),
      )
      for (const { prompt, attrs } of stories) expect(await tokens(String(prompt))).toBe(Number(attrs?.prompt_tokens))
      expect(new Set([...texts, ...stories].map(({ prompt }) => prompt)).size).toBe(30)
    },
    3 * MINUTES,
  )
})

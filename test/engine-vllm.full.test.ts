import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { RequestStory } from '../src/analysis/attribution/request-story.ts'
import type { Report } from '../src/analysis/report.ts'
import { cacheFolder, cacheLayout } from '../src/engines/care/install/cache.ts'
import { freePort } from '../src/engines/care/process/port.ts'
import { startVllm } from '../src/engines/vllm/control.ts'
import { openRun } from '../src/store/read/open-run.ts'
import { emittingSteps } from './support/step-log-truth.ts'
import { tempFolder } from './support/temp-folder.ts'
import { useVllm, vllmCounters } from './support/vllm.ts'

const MINUTES = 60_000
const run = promisify(execFile)
const START = fileURLToPath(new URL('../scripts/start.mjs', import.meta.url))

async function layerline(...args: string[]): Promise<string> {
  return (await run(process.execPath, [START, ...args], { maxBuffer: 1 << 26 })).stdout
}

const vllm = useVllm({ model: 'tiny' })

/** Prompts of which some begin alike, longer than a block of the KV cache, so that the cache answers in part. */
function promptFile(): string {
  const opening = Array.from({ length: 90 }, (_, i) => `the value of item ${i} is an object`).join(', ')
  const rows = Array.from({ length: 16 }, (_, i) => {
    const prompt = i % 2 === 0 ? `${opening}; what is item ${i}?` : `Number ${i}: ${'why is it so? '.repeat(i)}`
    return `${i % 2 === 0 ? 600 : 32},p${i},"${prompt}"`
  })
  const path = join(tempFolder(), 'prompts.csv')
  writeFileSync(path, `size,name,prompt\n${rows.join('\n')}\n`)
  return path
}

describe('a trace of vLLM', () => {
  it.each([
    ['chat', ['--max-tokens', '24']],
    ['completions', ['--max-tokens', '9', '--ignore-eos']],
  ])(
    'sums up to exactly what vLLM counted itself (%s)',
    async (endpoint, options) => {
      const out = join(tempFolder(), 'run')
      const { engine } = vllm
      const before = await vllmCounters(engine.url)
      const [prompts, url] = [promptFile(), engine.url]
      const fixed = ['--endpoint', endpoint, '--concurrency', '4', '--repeat', '2', '--seed', '5']
      await layerline('trace', '--prompts', prompts, '--url', url, ...fixed, ...options, '--out', out, '--quiet')
      const after = await vllmCounters(engine.url)
      const growth = (name: string) => (after[name] ?? Number.NaN) - (before[name] ?? Number.NaN)

      const reader = await openRun(out)
      const [sums] = await reader.query(`
        SELECT count(*) AS requests, count(*) FILTER (status = 'ok') AS ok, sum(input_tokens) AS prompt,
          sum(output_tokens) AS generated, sum(cached_tokens) AS cached, count(*) FILTER (token_source <> 'usage') AS estimated,
          count(*) FILTER (finish_reason = 'length') AS by_length, count(*) FILTER (finish_reason = 'stop') AS by_stop
        FROM requests`)
      const [wrong] = await reader.query(`
        SELECT count(*) AS requests FROM requests LEFT JOIN
          (SELECT request_id, sum(tokens) AS tokens, max(tokens) AS most FROM chunks GROUP BY request_id) USING (request_id)
        WHERE tokens IS DISTINCT FROM output_tokens`)
      const [joined] = await reader.query(`
        SELECT (SELECT count(*) FROM chunks WHERE tokens > 0) - count(DISTINCT (src_id, src_index)) AS untied,
          round(count(DISTINCT (src_id, src_index)) - sum(share), 6) AS unshared, count(*) > 0 AS some,
          bool_and(confidence = 'measured') AS measured,
          bool_and(c.t_ns > s.t_ns + s.dur_ns AND s.t_ns > r.scheduled_ns) AS in_order,
          (SELECT sum(tokens) FROM named_slices WHERE category = 'scheduled' AND name LIKE '%prefill') AS prefilled
        FROM links l JOIN chunks c ON c.request_id = l.src_id AND c."index" = l.src_index
          JOIN slices s ON s.slice_id = l.dst_id JOIN requests r ON r.request_id = l.src_id
        WHERE l.kind = 'token of step'`)
      await reader.close()
      // The engine's own log of its steps: every token is tied to its step, and prefill ran what the cache did not have.
      expect(joined).toEqual({
        untied: 0,
        unshared: 0,
        some: true,
        measured: true,
        in_order: true,
        prefilled: growth('prompt_tokens_total') - growth('prompt_tokens_cached_total'),
      })
      expect(sums).toEqual({
        requests: 32,
        ok: 32,
        prompt: growth('prompt_tokens_total'),
        generated: growth('generation_tokens_total'),
        cached: growth('prompt_tokens_cached_total'),
        estimated: 0,
        by_length: growth('request_success_total:length'),
        by_stop: growth('request_success_total:stop'),
      })
      expect(growth('prompt_tokens_cached_total')).toBeGreaterThan(0)
      expect(wrong).toEqual({ requests: 0 })
      const { engine: traced } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'))
      expect(traced).toMatchObject({ server: 'vllm', version: '0.32.0', model: 'tiny-llama', pid: engine.pid })
      expect(traced.max_model_len).toBe(engine.maxModelLen)
    },
    2 * MINUTES,
  )
})

it(
  'is profiled for a part of a run: kernels of each step, on the run’s clock, and the requests of that time marked',
  async () => {
    const { engine } = vllm
    const out = join(tempFolder(), 'run')
    const before = await vllmCounters(engine.url)
    const fixed = [
      '--endpoint',
      'completions',
      '--concurrency',
      '4',
      '--seed',
      '5',
      '--max-tokens',
      '20',
      '--ignore-eos',
    ]
    const window = ['--profile', '--profile-window', '0+2']
    await layerline(
      'trace',
      '--prompts',
      promptFile(),
      '--url',
      engine.url,
      ...fixed,
      ...window,
      '--out',
      out,
      '--quiet',
    )
    const after = await vllmCounters(engine.url)
    const growth = (name: string) => (after[name] ?? Number.NaN) - (before[name] ?? Number.NaN)
    const reader = await openRun(out)
    const one = async (sql: string) => (await reader.query(sql))[0]
    const [window_] = reader.run.profiled
    expect(window_?.to_ns).toBeGreaterThan(window_?.from_ns ?? Number.NaN)
    // Every token has its step, and every step of the profile is one that the engine's log has, with the same tokens.
    expect(
      await one(`SELECT count(*) FILTER (c.tokens > 0 AND l.dst_id IS NULL) AS untied, count(l.dst_id) > 0 AS some,
        (SELECT sum(tokens) FROM named_slices WHERE category = 'scheduled' AND name LIKE '%prefill') AS prefilled
        FROM chunks c LEFT JOIN links l ON l.src_kind = 'chunk' AND l.src_id = c.request_id AND l.src_index = c."index"`),
    ).toEqual({
      untied: 0,
      some: true,
      prefilled: growth('prompt_tokens_total') - growth('prompt_tokens_cached_total'),
    })
    expect(
      await one(`SELECT count(*) AS unlinked FROM slices s JOIN tracks t USING (track_id)
        WHERE t.name = 'engine_steps' AND s.tokens > 0 AND s.slice_id NOT IN (SELECT dst_id FROM links WHERE kind = 'profile of step')`),
    ).toEqual({ unlinked: 0 })
    // The clocks: what ran lies within its step, which ended before its tokens came; and its operators lie within it.
    expect(
      await one(`SELECT count(*) > 0 AS some, count(DISTINCT p.slice_id) = count(DISTINCT s.slice_id) AS one_each,
          bool_and(p.t_ns >= s.t_ns AND p.t_ns + p.dur_ns <= s.t_ns + s.dur_ns AND p.t_ns + p.dur_ns < c.t_ns) AS in_order,
          bool_and(o.n > 0 AND o.from_ns >= p.t_ns AND o.to_ns <= p.t_ns + p.dur_ns) AS ops_within
        FROM links k JOIN slices s ON s.slice_id = k.src_id JOIN slices p ON p.slice_id = k.dst_id
          JOIN (SELECT step_id, count(*) AS n, min(t_ns) AS from_ns, max(t_ns + dur_ns) AS to_ns FROM slices WHERE category = 'cpu_op' GROUP BY 1) o ON o.step_id = p.slice_id
          JOIN links l ON l.kind = 'token of step' AND l.dst_id = s.slice_id JOIN chunks c ON c.request_id = l.src_id AND c."index" = l.src_index
        WHERE k.kind = 'profile of step'`),
    ).toEqual({ some: true, one_each: true, in_order: true, ops_within: true })
    expect(
      await one(`SELECT count(*) FILTER (profiled) > 0 AS some, count(*) AS requests, count(*) FILTER (status = 'ok') AS ok,
        bool_and(profiled = (coalesce(connect_start_ns, sent_ns) <= ${window_?.to_ns} AND end_ns >= ${window_?.from_ns})) AS as_it_was FROM requests`),
    ).toEqual({ some: true, requests: 16, ok: 16, as_it_was: true })
    // The story of a token that was profiled: its parts add up to what was measured.
    const [profiled] = await reader.query(`SELECT l.src_id AS request,
        (SELECT sum(tokens) FROM chunks c WHERE c.request_id = l.src_id AND c."index" <= l.src_index) AS token
      FROM links k JOIN links l ON l.kind = 'token of step' AND l.dst_id = k.src_id JOIN slices s ON s.slice_id = k.src_id
      WHERE k.kind = 'profile of step' ORDER BY ALL LIMIT 1`)
    const asked = await layerline(
      'report',
      out,
      '--request',
      `${profiled?.request}`,
      '--token',
      `${profiled?.token}`,
      '--json',
    )
    const story = JSON.parse(asked) as RequestStory
    expect(story).toMatchObject({ work: 'cpu_op', profiled: true, split: 'tokens' })
    const [times] = await reader.query(
      `SELECT (end_ns - scheduled_ns) / 1e6 AS whole FROM requests WHERE request_id = ${profiled?.request}`,
    )
    expect(story.parts.reduce((sum, { ms }) => sum + ms, 0)).toBeCloseTo(Number(times?.whole), 6)
    const { step, step_parts: cut } = story.token ?? {}
    const sum = (cut?.before_ms ?? 0) + (cut?.busy_ms ?? 0) + (cut?.gap_ms ?? 0) + (cut?.after_ms ?? 0)
    expect(sum).toBeCloseTo(step?.ms ?? Number.NaN, 6)
    expect(story.token?.step_work.length).toBeGreaterThan(5)
    // What prefill and decode of all requests cost is what the profiled steps took: the engine had no other clients.
    const [whole] = await reader.query(
      `SELECT sum(s.dur_ns) / 1e6 AS ms FROM links k JOIN slices s ON s.slice_id = k.src_id WHERE k.kind = 'profile of step'`,
    )
    expect(story.costs?.parts.reduce((all, { ms }) => all + ms, 0)).toBeCloseTo(Number(whole?.ms), 6)
    await reader.close()
  },
  3 * MINUTES,
)

it(
  "without the log, a profile's steps are tied to tokens by inference, and the engine's own log says they are right",
  async () => {
    const { engine } = vllm
    // A name of its own: by it the engine's log tells this run's requests from those of the runs before.
    const out = join(tempFolder(), 'inferred')
    const to = ['--prompts', promptFile(), '--url', engine.url, '--out', out, '--quiet']
    const load = [
      '--endpoint',
      'completions',
      '--concurrency',
      '4',
      '--repeat',
      '2',
      '--seed',
      '7',
      '--max-tokens',
      '60',
    ]
    const layers = ['--step-log', 'none', '--profile', '--profile-window', '0+60']
    await layerline('trace', ...to, ...load, '--ignore-eos', ...layers)
    const reader = await openRun(out)
    const links = await reader.query(`
      SELECT l.src_id AS request, l.confidence, c.tokens,
        ${Number(reader.run.epoch_ns)}::DOUBLE + p.t_ns + p.dur_ns / 2 + (SELECT arg_min(offset_ns, abs(k.t_ns - p.t_ns)) FROM clocks k WHERE clock = 'unix') AS middle,
        (SELECT coalesce(sum(tokens), 0) FROM chunks b WHERE b.request_id = l.src_id AND b."index" < l.src_index) AS before
      FROM links l JOIN slices p ON p.slice_id = l.dst_id JOIN chunks c ON c.request_id = l.src_id AND c."index" = l.src_index
      WHERE l.kind = 'token of step'`)
    const [seen] = await reader.query(`SELECT count(*) AS events FROM chunks c JOIN requests r USING (request_id), (
        SELECT min(s.t_ns) AS from_ns, max(s.t_ns + s.dur_ns) AS to_ns FROM slices s JOIN tracks t USING (track_id) WHERE t.name = 'engine_steps') p
      WHERE c.tokens > 0 AND r.sent_ns > p.from_ns AND c.t_ns < p.to_ns`)
    const steps = emittingSteps(engine.stepLog ?? '', reader.run.run_id)
    await reader.close()
    const inferred = links.filter(({ confidence }) => confidence === 'inferred')
    const right = inferred.filter(({ request, middle, before, tokens }) =>
      // One token a step: the n-th came out of the n-th; an event that vLLM made of two has two steps.
      steps
        .get(Number(request))
        ?.slice(Number(before), Number(before) + Number(tokens))
        .some(({ fromNs, toNs }) => Number(middle) > fromNs && Number(middle) < toNs),
    )
    expect(links.map(({ confidence }) => confidence)).not.toContain('measured')
    // Nearly all of what the profile saw from its start is inferred, and the inferences are right.
    expect(Number(seen?.events)).toBeGreaterThan(0)
    expect(inferred.length).toBeGreaterThan(0.9 * Number(seen?.events))
    expect(right.length).toBeGreaterThanOrEqual(0.999 * inferred.length)
  },
  3 * MINUTES,
)

it(
  'says what vLLM said of a model that it cannot load',
  async () => {
    const { engine } = vllm
    const folder = join(tempFolder(), 'broken')
    await run('cp', ['-r', engine.modelPath, folder])
    writeFileSync(join(folder, 'config.json'), '{"architectures": [')
    const error = await startVllm({ model: folder }).then(
      () => undefined,
      (failure: { code: string; message: string; hint: string }) => failure,
    )
    expect(error).toMatchObject({ code: 'missing/engine', message: expect.stringMatching(/broken: .*config.*JSON/) })
    expect(readFileSync(error?.hint.replace(/^.*log: /, '') ?? '', 'utf8')).toContain('Traceback')
    await expect(startVllm({ port: engine.port })).rejects.toMatchObject({ code: 'usage/port' })
    await expect(startVllm({ model: '/no/such/folder' })).rejects.toMatchObject({ code: 'input/model' })
  },
  3 * MINUTES,
)

it(
  'one long prefill among short decodes is named as what delayed them',
  async () => {
    const folder = tempFolder()
    // Five requests decode; half a second later one comes with a prompt that is most of a step's work.
    const rows = [...Array.from({ length: 5 }, (_, i) => `${i / 100},16,300`), '0.5,1500,2']
    writeFileSync(join(folder, 'arrivals.csv'), `ts,in,out\n${rows.join('\n')}\n`)
    const out = join(folder, 'run')
    const arrivals = ['--trace', join(folder, 'arrivals.csv'), '--format', 'table', '--time-unit', 's']
    await layerline('replay', ...arrivals, '--url', vllm.engine.url, '--seed', '7', '--out', out, '--quiet')
    const { interference } = JSON.parse(await layerline('report', out, '--json')) as Report
    const reader = await openRun(out)
    const [long] = await reader.query(
      'SELECT request_id, input_tokens FROM requests ORDER BY input_tokens DESC LIMIT 1',
    )
    // Who decoded while it was prefilled, from the slices themselves.
    const beside =
      await reader.query(`SELECT DISTINCT request_id FROM named_slices WHERE category = 'scheduled' AND name = 'decode'
      AND step_id IN (SELECT step_id FROM named_slices WHERE category = 'scheduled' AND request_id = ${long?.request_id} AND name LIKE '%prefill') ORDER BY 1`)
    await reader.close()
    expect(beside.length).toBeGreaterThan(0)
    const victims =
      interference?.victims.filter(({ request_id }) => beside.some((row) => row.request_id === request_id)) ?? []
    expect(victims).toHaveLength(beside.length)
    for (const { lost_to } of victims) {
      const [most] = [...lost_to].sort((a, b) => b.prefill_ms - a.prefill_ms)
      expect(most).toMatchObject({ request_id: long?.request_id, prefill_tokens: long?.input_tokens })
    }
    const story = JSON.parse(
      await layerline('report', out, '--request', String(beside[0]?.request_id), '--json'),
    ) as RequestStory
    expect(story.interference).toEqual(victims.find(({ request_id }) => request_id === story.request_id))
  },
  2 * MINUTES,
)

it(
  'leaves no process, port or state file behind when it is stopped',
  async () => {
    const { engine } = vllm
    const members = groupOf(engine.pid)
    expect(members.length).toBeGreaterThan(2)
    await engine.stop()
    expect(groupOf(engine.pid)).toEqual([])
    expect(await freePort('127.0.0.1', engine.port)).toBe(engine.port)
    expect(existsSync(join(cacheLayout(cacheFolder()).run, `vllm-${engine.port}.json`))).toBe(false)
  },
  MINUTES,
)

it(
  'holds the conversation of the demo with SmolLM2',
  async () => {
    const out = join(tempFolder(), 'run')
    const said = JSON.parse(await layerline('demo', '--engine', 'vllm', '--turns', '1', '--out', out, '--json'))
    expect(said).toBeTypeOf('object')
    const reader = await openRun(out)
    const [answer] = await reader.query(`
      SELECT status, token_source, output_tokens = (SELECT sum(tokens) FROM chunks c WHERE c.request_id = requests.request_id) AS exact, length(output) > 0 AS spoke
      FROM requests JOIN texts USING (request_id) WHERE phase = 'measured'`)
    await reader.close()
    expect(answer).toEqual({ status: 'ok', token_source: 'usage', exact: true, spoke: true })
    const { engine: traced } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'))
    expect(traced).toMatchObject({ model: 'SmolLM2-135M-Instruct', max_model_len: 8192 })
    expect(traced.model_sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(groupOf(traced.pid)).toEqual([])
  },
  5 * MINUTES,
)

/** The living processes of a process group. */
function groupOf(leader: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return Number(group) === leader && state !== 'Z'
      } catch {
        return false
      }
    })
}

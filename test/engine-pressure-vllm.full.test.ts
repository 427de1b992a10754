import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import { freePort } from '../src/engines/care/process/port.ts'
import { openRun } from '../src/store/read/open-run.ts'
import { layerline } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'
import { useVllm, vllmCounters } from './support/vllm.ts'

const MINUTES = 60_000
const OTLP_PORT = await freePort('127.0.0.1', 0)
const REQUESTS = 4
const OUTPUT_TOKENS = 200
/** Prompts are longer than what a step may run. */
const BATCHED_TOKENS = 256

/** Little room for what was computed, and prompts in pieces: what a busy server does to its requests, on purpose. */
const vllm = useVllm({
  model: 'tiny',
  contextTokens: 1024,
  otlpEndpoint: `http://127.0.0.1:${OTLP_PORT}/v1/traces`,
  extraArguments: [
    ...['--num-gpu-blocks-override', '12', '--no-enable-prefix-caching'],
    ...['--enable-chunked-prefill', '--max-num-batched-tokens', String(BATCHED_TOKENS)],
  ],
})

it(
  'a server that preempts and prefills in pieces, profiled, its spans received: every token has its step, every step its operators',
  async () => {
    const { engine } = vllm
    const folder = tempFolder()
    const rows = Array.from(
      { length: REQUESTS },
      (_, i) => `32,"Number ${i}: ${'why is it so that it is so? '.repeat(40)}"`,
    )
    writeFileSync(join(folder, 'prompts.csv'), `size,prompt\n${rows.join('\n')}\n`)
    const before = await vllmCounters(engine.url)
    // With a seed and a temperature this vLLM ends at a prompt in pieces: docs/engines.md.
    const sampling = [
      '--temperature',
      '0',
      '--max-tokens',
      String(OUTPUT_TOKENS),
      '--ignore-eos',
      '--endpoint',
      'completions',
    ]
    const layers = ['--profile', '--profile-window', '0+60', '--otlp-listen', String(OTLP_PORT)]
    const { code, stderr } = await layerline(folder, [
      'trace',
      '--prompts',
      'prompts.csv',
      '--url',
      engine.url,
      '--concurrency',
      String(REQUESTS),
      ...sampling,
      ...layers,
      '--gpu',
      'none',
      '--out',
      'run',
      '--json',
    ])
    expect([code, stderr]).toEqual([0, expect.not.stringMatching(/not read|refused|no spans/)])
    const after = await vllmCounters(engine.url)
    const growth = (name: string) => (after[name] ?? Number.NaN) - (before[name] ?? Number.NaN)
    const run = await openRun(join(folder, 'run'))
    const one = async (sql: string) => (await run.query(sql))[0]

    const preemptions = growth('num_preemptions_total')
    expect(preemptions).toBeGreaterThan(0)
    expect(
      await one(`SELECT count(*) FILTER (category = 'preemption') AS preemptions, count(*) FILTER (name = 'chunked prefill') >= ${REQUESTS} AS in_pieces,
        max(tokens) FILTER (category = 'step') <= ${BATCHED_TOKENS} AS within_budget,
        sum(coalesce((args->>'emitted')::INT, CASE WHEN name = 'chunked prefill' THEN 0 ELSE 1 END)) FILTER (category = 'scheduled') AS emitted FROM named_slices`),
    ).toEqual({ preemptions, in_pieces: true, within_budget: true, emitted: REQUESTS * OUTPUT_TOKENS })
    expect(
      await one(`SELECT count(*) FILTER (l.dst_id IS NULL) AS untied, round(sum(c.tokens * l.share)) AS tokens, bool_and(c.t_ns > s.t_ns + s.dur_ns) AS in_order
        FROM chunks c LEFT JOIN links l ON l.kind = 'token of step' AND l.src_id = c.request_id AND l.src_index = c."index"
          LEFT JOIN slices s ON s.slice_id = l.dst_id WHERE c.tokens > 0`),
    ).toEqual({ untied: 0, tokens: growth('generation_tokens_total'), in_order: true })
    expect(
      await one(`SELECT count(*) > 0 AS some, count(*) FILTER (s.slice_id NOT IN (SELECT dst_id FROM links WHERE kind = 'profile of step')) AS untied
        FROM slices s JOIN tracks t USING (track_id) WHERE t.name = 'engine_steps' AND s.tokens > 0`),
    ).toEqual({ some: true, untied: 0 })

    // Without the log: what cannot be inferred is reported with its reason; what is inferred agrees with the log.
    const reported = await layerline(folder, ['report', 'run', '--json'])
    const { step_join: joined, interference } = JSON.parse(reported.stdout) as Report
    expect(joined).toMatchObject({ from: 'profile', refused: null })
    expect(joined?.breaks.preemption).toBeGreaterThan(0)
    // A machine whose cores are all busy delivers tokens so late that nothing may be inferred: then nothing is.
    expect((joined?.inferred ?? 0) + (joined?.unresolved ?? 0)).toBeGreaterThan(0)
    expect(joined?.score?.precision ?? 1, JSON.stringify(joined)).toBeGreaterThanOrEqual(0.999)

    // Who delayed whom, with preemptions: a victim's loss names steps that ran without it, and each ledger is closed.
    expect(interference).toMatchObject({ steps_from: 'step_log', confidence: 'measured', requests: REQUESTS })
    const preempted = interference?.victims.filter((victim) => victim.preemptions > 0) ?? []
    expect(preempted.reduce((sum, victim) => sum + victim.preemptions, 0)).toBe(preemptions)
    for (const { lost_to } of preempted)
      expect(Math.max(...lost_to.map((each) => each.while_out_ms))).toBeGreaterThan(0)
    expect(
      await one(`SELECT count(*) AS n, max(abs(measured_ns - wait_ns - own_ns - lost_ns - between_ns - delivery_ns)) < 1 AS closed,
        min(least(wait_ns, own_ns, lost_ns, between_ns, delivery_ns)) >= 0 AS none_negative,
        max(abs(lost_ns - (SELECT sum(ns) FROM v_interference i WHERE i.victim_id = l.request_id))) < 1 AS cells_are_the_loss FROM v_ledger l`),
    ).toEqual({ n: REQUESTS, closed: true, none_negative: true, cells_are_the_loss: true })

    // vLLM's own spans: one per request, with the client's token counts, its parts in order and no longer than the
    // whole.
    const spans =
      await run.query(`WITH made AS (SELECT request_id, max(t_ns + dur_ns) AS last_ns FROM slices WHERE category = 'scheduled' GROUP BY 1)
      SELECT request_id, sum(dur_ns) FILTER (name = 'llm_request') AS whole,
        sum(dur_ns) FILTER (name IN ('queue', 'prefill', 'decode')) AS parts, count(*) AS n, max(tokens) AS tokens,
        min(t_ns) FILTER (name = 'llm_request') > any_value(r.scheduled_ns) AS after_it_was_sent,
        -- It ends once its last token is made, and before that is handed over: which a starved server may do much later, with all the others.
        max(t_ns + s.dur_ns) FILTER (name = 'llm_request') BETWEEN any_value(made.last_ns) - 1e6 AND any_value(r.end_ns) + 5e7 AS ends_with_it
      FROM named_slices s JOIN requests r USING (request_id) JOIN made USING (request_id) WHERE category = 'otlp' GROUP BY 1 ORDER BY 1`)
    expect(spans.map(({ whole: _, parts: __, ...rest }) => rest)).toEqual(
      Array.from({ length: REQUESTS }, (_, request_id) => ({
        ...{ request_id, n: 4, tokens: OUTPUT_TOKENS, after_it_was_sent: true, ends_with_it: true },
      })),
    )
    for (const { whole, parts } of spans) expect(Number(parts)).toBeLessThanOrEqual(Number(whole) + 1e6)
    await run.close()
  },
  5 * MINUTES,
)

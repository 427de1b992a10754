import { describe, expect, it } from 'vitest'
import { useBpftrace } from './support/bpftrace.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { TOKENS, type ToldOfOs, traceArguments, tracedFolder } from './support/os-trace.ts'
import { useRealEngine } from './support/real-engine.ts'

describe('trace --os auto, with the real engine', () => {
  useBpftrace()
  const engine = useRealEngine()

  it('as root: every forward pass, on the clock of the requests', async () => {
    const folder = tracedFolder()
    const run = await layerline(folder, [...traceArguments(engine.url), '--os', 'auto'])
    expect(run.code, run.stderr).toBe(0)
    const { os } = JSON.parse(run.stdout) as ToldOfOs
    expect(os).toMatchObject({ source: 'bpftrace' })
    expect(os?.threads.some(({ on_cpu_s }) => on_cpu_s > 0)).toBe(true)
    const rows = await sqlRows(
      folder,
      'run',
      `SELECT r.request_id, r.output_tokens AS tokens, count(*) AS forwards FROM requests r JOIN slices s
         ON s.t_ns + s.dur_ns BETWEEN r.sent_ns AND r.last_token_ns JOIN tracks t ON t.track_id = s.track_id
       WHERE s.category = 'forward' AND t.process LIKE '${engine.pid} %' GROUP BY ALL ORDER BY 1`,
    )
    expect(rows).toEqual([0, 1].map((request_id) => ({ request_id, tokens: TOKENS, forwards: TOKENS })))
  })
})

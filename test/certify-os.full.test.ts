import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CertifiedLayer } from '../src/analysis/certify/certificate.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { useBpftrace } from './support/bpftrace.ts'
import { BLOCKS, certifiedBlocks } from './support/certified-blocks.ts'
import { sqlRows, startLayerline, until } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { ttft_ms: 10, itl_ms: 4 } })
})
afterAll(() => server?.stop())

describe('--certify --os, with the real bpftrace', () => {
  useBpftrace()

  it('detaches the probes for blocks of their own, and counts on where they were', async () => {
    const folder = tempFolder()
    const running = startLayerline(folder, [
      ...['load', '--concurrency', '2', '--duration', '1000', '--url', server.url, '--seed', '5', '--gpu', 'none'],
      ...['--input-tokens', '10', '--output-tokens', '20', '--os', 'auto', '--probes', 'sched,net,io'],
      ...['--certify', '0.5', '--out', 'run', '--json'],
    ])
    // The time to attach probes is not known.
    const done = `SELECT max(pair)::INT AS pair FROM (${BLOCKS}) WHERE layer = 'os'`
    await until(async () => {
      const [row] = await sqlRows(folder, 'run', done).catch(() => [])
      return Number(row?.pair ?? 0) >= 1
    }, 1000)
    process.kill(running.pid, 'SIGINT')
    const run = await running.ended
    expect(run.code, run.stderr).toBe(130)
    const probed = "t.layer = 'os' AND (t.attrs->>'source') LIKE 'bpf/%'"
    const of = await certifiedBlocks(folder, { host: "t.layer = 'host'", os: probed })
    for (const layer of ['host', 'os']) {
      expect(of(layer, true)?.samples, layer).toBeGreaterThan(0)
      expect(of(layer, false)?.blocks, layer).toBeGreaterThan(0)
      expect(of(layer, false)?.samples, layer).toBe(0)
    }
    const report = JSON.parse(run.stdout) as {
      certificate: { layers: CertifiedLayer[] }
      os: { source: string; gaps: { why: string }[] }
      verdict: { what: string; level: string }[]
    }
    expect(report.certificate.layers).toMatchObject([
      { layer: 'host', off: 'paused', block_s: 0.5 },
      { layer: 'os', off: 'detached', block_s: 2 },
    ])
    // It is missing on purpose: that spoils nothing.
    expect(report.os.source).toBe('bpftrace')
    expect(report.os.gaps.map(({ why }) => why)).toEqual(['taken out by --certify'])
    expect(report.verdict.filter(({ what }) => what === 'os_gap')).toMatchObject([{ level: 'note' }])
    // Probes that are switched on again continue the existing tracks.
    const twice = await sqlRows(
      folder,
      'run',
      `SELECT name, thread, device, count(*) AS n FROM tracks t WHERE ${probed} GROUP BY ALL HAVING count(DISTINCT track_id) > 1`,
    )
    expect(twice).toEqual([])
    // While they are on they count what they did before: the server sends each event by itself.
    const [on] = await sqlRows(
      folder,
      'run',
      `WITH b AS (SELECT min(a) AS a, max(b) AS b FROM (${BLOCKS}) WHERE layer = 'os' AND is_on GROUP BY pair),
         sent AS (SELECT sum(c.value) AS n FROM counters c JOIN tracks t USING (track_id) JOIN b ON c.t_ns > b.a AND c.t_ns <= b.b
           WHERE t.name = 'socket_send_calls' AND t.process LIKE '${server.pid} %'),
         got AS (SELECT count(*) AS n FROM chunks c JOIN b ON c.t_ns > b.a AND c.t_ns <= b.b)
       SELECT sent.n::DOUBLE AS sent, got.n::DOUBLE AS got FROM sent, got`,
    )
    expect(on?.got as number).toBeGreaterThan(0)
    expect((on?.sent as number) / (on?.got as number)).toBeGreaterThan(0.7)
    expect((on?.sent as number) / (on?.got as number)).toBeLessThan(1.5)
  })
})

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { CertifiedEffect, CertifiedLayer } from '../src/analysis/certify/certificate.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { useBpftrace } from './support/bpftrace.ts'
import { layerline, sqlRows, startLayerline, until } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

vi.setConfig({ testTimeout: 300_000 })

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { ttft_ms: 10, itl_ms: 4 } })
})
afterAll(() => server?.stop())

const BLOCKS = `SELECT t.attrs->>'certifies' AS layer, s.name, s.t_ns AS a, s.t_ns + s.dur_ns AS b, (s.args->>'pair')::INT AS pair,
  s.args->>'on' = '1' AS is_on FROM named_slices s JOIN tracks t USING (track_id) WHERE s.category = 'certify'`

/** Of each layer: how many blocks it was on and off in, and the samples of it that lie in them. */
async function blocks(folder: string, samplesOf: Record<string, string>) {
  const which = Object.entries(samplesOf).map(([layer, where]) => `WHEN ${where} THEN '${layer}'`)
  const rows = await sqlRows(
    folder,
    'run',
    `WITH b AS (${BLOCKS}), c AS (SELECT t_ns, CASE ${which.join(' ')} END AS layer FROM counters c JOIN tracks t USING (track_id))
     SELECT b.layer, b.is_on, count(DISTINCT b.a)::INT AS blocks, count(c.t_ns)::INT AS samples, max(b.pair)::INT AS pair,
       min(b.name) AS first, max(b.name) AS last
     FROM b LEFT JOIN c ON c.layer = b.layer AND c.t_ns BETWEEN b.a AND b.b GROUP BY ALL`,
  )
  return (layer: string, isOn: boolean) => rows.find((row) => row.layer === layer && row.is_on === isOn)
}

function expectInterval(effect: CertifiedEffect | undefined, pairs: number): void {
  if (effect === undefined || 'too_few' in effect) throw new Error(`no interval: ${JSON.stringify(effect)}`)
  expect(effect.pairs).toBeGreaterThanOrEqual(pairs)
  expect(effect.low).toBeLessThanOrEqual(effect.effect)
  expect(effect.high).toBeGreaterThanOrEqual(effect.effect)
  expect(effect.decided).toBe(effect.low > 0 || effect.high < 0)
}

describe('--certify', () => {
  it('load: takes host and engine metrics out in blocks, samples nothing then, and reports what they cost', async () => {
    const folder = tempFolder()
    const run = await layerline(folder, [
      ...['load', '--concurrency', '2', '--duration', '14', '--url', server.url, '--seed', '5', '--gpu', 'none'],
      ...['--input-tokens', '10', '--output-tokens', '20', '--engine-metrics', `${server.url}/metrics`],
      ...['--certify', '0.3', '--out', 'run', '--json'],
    ])
    expect(run.code, run.stderr).toBe(0)
    const of = await blocks(folder, { host: "t.layer = 'host'", 'engine metrics': "t.layer = 'engine'" })
    for (const layer of ['host', 'engine metrics']) {
      const [on, off] = [of(layer, true), of(layer, false)]
      expect(on?.blocks, layer).toBeGreaterThan(6)
      expect(off?.blocks, layer).toBeGreaterThan(6)
      expect(on?.samples, layer).toBeGreaterThan(0)
      expect(off?.samples, layer).toBe(0)
      expect([on?.first, off?.last]).toEqual([`${layer} on`, `${layer} off`])
    }
    const { certificate } = JSON.parse(run.stdout) as { certificate: { layers: CertifiedLayer[] } }
    expect(certificate.layers.map(({ layer, off, block_s }) => ({ layer, off, block_s }))).toEqual([
      { layer: 'host', off: 'paused', block_s: 0.3 },
      { layer: 'engine metrics', off: 'paused', block_s: 0.6 },
    ])
    for (const { itl_ms, ttft_ms, output_tokens_per_s } of certificate.layers)
      for (const effect of [itl_ms, ttft_ms, output_tokens_per_s]) expectInterval(effect, 6)
    const gaps = await sqlRows(
      folder,
      'run',
      "SELECT DISTINCT s.name FROM named_slices s JOIN tracks t USING (track_id) WHERE s.category = 'gap' AND t.layer = 'engine'",
    )
    expect(gaps.map(({ name }) => name)).toContain('taken out by --certify')

    const { stdout } = await layerline(folder, ['report', 'run'])
    expect(stdout).toMatch(/^what watching costs, with 95 % intervals/m)
    expect(stdout).toMatch(/^ +host +paused in blocks of 0\.300 s$/m)
    expect(stdout).toMatch(/^ +ITL +\d+ pairs +\S+ ms +[+−]\S+ \([+−]\S+ to [+−]\S+\) /m)
  })

  it('trace: a run that is too short says so', async () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'p.csv'), 'id,max_tokens,prompt\n1,300,say something\n')
    const args = ['trace', '--prompts', 'p.csv', '--url', server.url, '--gpu', 'none', '--certify', '--out', 'run']
    const run = await layerline(folder, [...args, '--json'])
    expect(run.code, run.stderr).toBe(0)
    const { certificate } = JSON.parse(run.stdout) as { certificate: { layers: CertifiedLayer[] } }
    expect(certificate.layers).toMatchObject([{ layer: 'host', block_s: 2, itl_ms: { pairs: 0, too_few: 6 } }])
    const { stdout } = await layerline(folder, ['report', 'run'])
    expect(stdout).toMatch(/too few pairs of blocks \(<6\)/)
  })
})

describe('--certify --os, with the real bpftrace', () => {
  useBpftrace()

  it('detaches the probes for blocks of their own, and counts on where they were', async () => {
    const folder = tempFolder()
    const running = startLayerline(
      folder,
      [
        ...['load', '--concurrency', '2', '--duration', '1000', '--url', server.url, '--seed', '5', '--gpu', 'none'],
        ...['--input-tokens', '10', '--output-tokens', '20', '--os', 'auto', '--probes', 'sched,net,io'],
        ...['--certify', '0.5', '--out', 'run', '--json'],
      ],
      { timeoutMs: 280_000 },
    )
    // How long probes take to be attached, nobody knows.
    const done = `SELECT max(pair)::INT AS pair FROM (${BLOCKS}) WHERE layer = 'os'`
    await until(async () => {
      const [row] = await sqlRows(folder, 'run', done).catch(() => [])
      return Number(row?.pair ?? 0) >= 1
    }, 1000)
    process.kill(running.pid, 'SIGINT')
    const run = await running.ended
    expect(run.code, run.stderr).toBe(130)
    const probed = "t.layer = 'os' AND (t.attrs->>'source') LIKE 'bpf/%'"
    const of = await blocks(folder, { host: "t.layer = 'host'", os: probed })
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
    // Probes that are put back go on with the tracks that there are.
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

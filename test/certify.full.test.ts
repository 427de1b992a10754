import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CertifiedEffect, CertifiedLayer } from '../src/analysis/certify/certificate.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { certifiedBlocks } from './support/certified-blocks.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { ttft_ms: 10, itl_ms: 4 } })
})
afterAll(() => server?.stop())

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
    const of = await certifiedBlocks(folder, { host: "t.layer = 'host'", 'engine metrics': "t.layer = 'engine'" })
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

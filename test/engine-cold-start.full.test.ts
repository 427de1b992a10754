import { statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ColdStart } from '../src/analysis/os/cold-start.ts'
import { useBpftrace } from './support/bpftrace.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { useOwnCache } from './support/own-cache.ts'
import { tempFolder } from './support/temp-folder.ts'

describe('engine start --os, with the real bpftrace', () => {
  useBpftrace()
  const cache = useOwnCache()

  it('records the cold start to the first forward pass, and leaves the engine running', async () => {
    const folder = tempFolder()
    const env = { LAYERLINE_CACHE: cache.folder }
    const args = ['engine', 'start', '--port', '0', '--context-tokens', '256', '--os', 'auto', '--out', 'run', '--json']
    const start = await layerline(folder, args, { env })
    expect(start.code, start.stderr).toBe(0)
    const facts = JSON.parse(start.stdout) as {
      pid: number
      url: string
      modelPath: string
      run: string
      cold_starts: ColdStart[]
    }
    expect(facts.cold_starts).toHaveLength(1)
    const [cold] = facts.cold_starts as [ColdStart]
    expect(cold.process).toMatch(new RegExp(`^${facts.pid} `))
    expect(cold.files).toBe(1)
    expect(cold.mapped_bytes).toBeGreaterThanOrEqual(statSync(facts.modelPath).size)
    for (const phase of ['before_weights_ms', 'weights_ms', 'init_ms', 'first_forward_ms'] as const)
      expect(cold[phase], phase).toBeGreaterThan(0)
    // Three tokens of one request.
    // What the layer waited for before the engine began is no time that it misses.
    expect((await sqlRows(folder, 'run', "SELECT name FROM named_slices WHERE category = 'gap'")).length).toBe(0)
    const [passes] = await sqlRows(folder, 'run', "SELECT count(*)::INT AS n FROM slices WHERE category = 'forward'")
    expect(passes?.n).toBe(3)
    expect((await fetch(`${facts.url}/models`)).status).toBe(200)
    expect(cache.processes()).toEqual([facts.pid])
    const stop = await layerline(folder, ['engine', 'stop'], { env })
    expect(stop.code, stop.stderr).toBe(0)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { type CertifiedRunOptions, certifiedRun } from '../../../test/support/certified-run.ts'
import { memoryRun } from '../../../test/support/memory-run.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { certificate } from './certificate.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

async function certified(options: CertifiedRunOptions) {
  const reader = await memoryRun(certifiedRun(options))
  open.push(reader)
  const found = await certificate(reader)
  return new Map(found?.layers.map((layer) => [layer.layer, layer]))
}

describe('the certificate', () => {
  it('is null for a run without', async () => {
    const reader = await memoryRun({})
    open.push(reader)
    expect(await certificate(reader)).toBeNull()
  })

  it('finds what each layer adds, beside others, a drift and switches that disturb', async () => {
    const adds = { host: 0.3e6, gpu: 0, os: 1e6 }
    const layers = await certified({ pairs: 10, adds, noiseNs: 2e6, seed: 1, steps: { gpu: 2, os: 4 } })
    const pairs = { host: 40, gpu: 20, os: 10 }
    for (const [layer, ns] of Object.entries(adds)) {
      const itl = layers.get(layer)?.itl_ms
      if (itl === undefined || 'too_few' in itl) throw new Error(`no effect of ${layer}`)
      expect(itl.pairs).toBe(pairs[layer as keyof typeof pairs])
      expect(itl.low).toBeLessThanOrEqual(ns / 1e6)
      expect(itl.high).toBeGreaterThanOrEqual(ns / 1e6)
      // What the other layers add is not in it, nor the drift of 2 ms over the run.
      expect(itl.high - itl.low, layer).toBeLessThan(0.3)
      expect(itl.decided, layer).toBe(ns > 0)
    }
    const { itl_ms: itl, ttft_ms: ttft, output_tokens_per_s: output } = layers.get('os') ?? {}
    // 20 ms, half of the drift, and half of what the host adds.
    expect((itl as { off: number }).off).toBeCloseTo(20 + 1 + 0.15, 0)
    expect((ttft as { off: number }).off).toBeCloseTo(50 + 2.5 + 0.15, 0)
    // Three streams that wait 1 ms longer for each token.
    expect(output).toMatchObject({ decided: true, high: expect.toSatisfy((high: number) => high < 0) })
  })

  it('sums the steps of long blocks, and says where there are too few', async () => {
    const adds = { host: 0, os: 2e6 }
    const layers = await certified({ pairs: 3, adds, noiseNs: 1e6, seed: 3, steps: { os: 4 } })
    expect(layers.get('os')).toMatchObject({ block_s: 8, itl_ms: { pairs: 3, too_few: 6 } })
    expect(layers.get('host')?.itl_ms).toMatchObject({ pairs: 12 })
    const more = await certified({ pairs: 6, adds, noiseNs: 1e6, seed: 3, steps: { os: 4 } })
    const itl = more.get('os')?.itl_ms as { effect: number; decided: boolean }
    expect(itl.decided).toBe(true)
    expect(itl.effect).toBeCloseTo(2, 0)
  })
})

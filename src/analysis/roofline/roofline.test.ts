import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { RunReader } from '../../store/read/run-reader.ts'
import { readModelShape } from './model-shape.ts'
import { roofline } from './roofline.ts'
import { stepWork } from './step-work.ts'

const folder = mkdtempSync(join(tmpdir(), 'layerline-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const CONFIG = {
  ...{ model_type: 'llama', num_hidden_layers: 2, hidden_size: 8, num_attention_heads: 4, num_key_value_heads: 2 },
  ...{ intermediate_size: 16, vocab_size: 100, dtype: 'bfloat16' },
}

function shapeOf(more: object = {}) {
  const path = join(folder, 'config.json')
  writeFileSync(path, JSON.stringify({ ...CONFIG, ...more }))
  return readModelShape(path)
}

describe('the work of a step, by hand', () => {
  // A layer: 8 x 8 queries, 8 x 4 keys, 8 x 4 values, 8 x 8 output, 3 x 8 x 16 of the MLP: 576. Two of them: 1152. Output: 800.
  it('a prefill of 3 tokens after 5 that are there', () => {
    const work = stepWork(shapeOf(), { tokens: 3, requests: 1, attended: 6 + 7 + 8, context: 8 })
    expect(work.flops).toBe(2 * 1152 * 3 + 2 * 800 + 4 * 4 * 2 * 2 * 21)
    // A token's keys and values: 2 x 2 heads x 2 x 2 layers: 16 numbers, of 3 written and 8 read.
    expect(work.bytes).toBe(2 * (1152 + 800 + 16 * 11))
  })

  it('decodes of two requests, whose contexts are not known: attention is left out', () => {
    const work = stepWork(shapeOf(), { tokens: 2, requests: 2, attended: null, context: null })
    expect(work).toEqual({ flops: 2 * 1152 * 2 + 2 * 800 * 2, bytes: 2 * (1152 + 800 + 32) })
  })
})

describe("a model's config.json", () => {
  it('gives the shape; a head size of its own counts', () => {
    expect(shapeOf({ head_dim: 32 })).toMatchObject({ layers: 2, kvHeads: 2, headDim: 32, bytesEach: 2 })
    expect(readModelShape(folder)).toMatchObject({ headDim: 32 })
  })

  it.each([
    [{ model_type: 'mixtral' }, /mixtral is not known/],
    [{ quantization_config: { bits: 4 } }, /quantized/],
    [{ dtype: 'float8' }, /dtype "float8"/],
    [{ hidden_size: -1 }, /hidden_size/],
  ])('is refused where the work is not known: %j', (more, text) => {
    expect(() => shapeOf(more)).toThrow(
      expect.objectContaining({ code: 'input/model-config', message: expect.stringMatching(text) }),
    )
  })

  it('is refused where it is not there', () => {
    expect(() => readModelShape('/no/such')).toThrow(expect.objectContaining({ code: 'input/model-config' }))
  })

  it('is named as what it is where it is no JSON', () => {
    const path = join(folder, 'lfs.json')
    writeFileSync(path, 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90\n')
    expect(() => readModelShape(path)).toThrow(
      expect.objectContaining({ code: 'input/model-config', message: expect.stringContaining('Git LFS pointer') }),
    )
  })
})

describe('the roofline', () => {
  const steps = [
    { kind: 'prefill', tokens: 100, dur_ns: 1e6, requests: 1, attended: 5050, context: 100 },
    { kind: 'decode', tokens: 1, dur_ns: 1e6, requests: 1, attended: 101, context: 101 },
    { kind: 'decode', tokens: 1, dur_ns: 1e6, requests: 1, attended: null, context: null },
  ]
  const reader = { query: async () => steps } as unknown as RunReader

  it('without peaks tells intensities and claims no bound', async () => {
    const found = await roofline(reader, { shape: shapeOf(), peaks: null })
    expect(found).toMatchObject({ attention: 'counted', peaks: null, steps_left_out: 1 })
    expect(found?.kinds.map(({ kind, steps: n, bound, attained_share }) => [kind, n, bound, attained_share])).toEqual([
      ['prefill', 1, null, null],
      ['decode', 1, null, null],
    ])
    const prefill = found?.kinds[0]
    // 2 x 1152 x 100 + 2 x 800 + 64 x 5050 FLOPs; 2 x (1952 + 16 x 200) bytes.
    expect(prefill).toMatchObject({ flops: 555_200, bytes: 10_304, flops_per_s: 555_200e3 })
    expect(prefill?.flops_per_byte).toBeCloseTo(555_200 / 10_304, 9)
  })

  it('with peaks says which side of the ridge, and how near the roof', async () => {
    const peaks = { flops_per_s: 1e9, bytes_per_s: 1e8 }
    const found = await roofline(reader, { shape: shapeOf(), peaks })
    expect(found?.peaks).toEqual({ ...peaks, source: 'declared', ridge_flops_per_byte: 10 })
    const [prefill, decode] = found?.kinds ?? []
    expect(prefill).toMatchObject({ bound: 'compute', attained_share: 0.5552 })
    // 2304 + 1600 + 6464 FLOPs of 2 x (1952 + 16 x 102) bytes: 1.45 a byte.
    expect(decode?.bound).toBe('memory')
    expect(decode?.attained_share).toBeCloseTo(10_368e3 / ((10_368 / 7168) * 1e8), 9)
  })
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cacheLayout } from '../care/install/cache.ts'
import type { ModelChoice } from './models.ts'
import { chooseBuild } from './pins.ts'
import { coreSettings, type VllmServer, vllmArguments, vllmEnvironment } from './server-arguments.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'layerline-vllm-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const linux = { platform: 'linux', arch: 'x64' }

function server(model: ModelChoice, contextTokens?: number, gpu = false): VllmServer {
  return {
    build: chooseBuild(linux, () => gpu),
    model,
    modelPath: model.kind === 'id' ? model.id : folder,
    host: '127.0.0.1',
    port: 8000,
    profiles: '/profiles',
    stepLog: '/steps',
    options: contextTokens === undefined ? {} : { contextTokens },
  }
}

function argumentOf(args: string[], name: string): string | undefined {
  const at = args.indexOf(name)
  return at < 0 ? undefined : args[at + 1]
}

describe('vllmArguments', () => {
  const own: ModelChoice = { kind: 'folder', name: 'm', path: '/m' }

  it.each([
    ['at most what the model was trained for', 2048, undefined, '2048'],
    ['bounded where it was trained for much', 131_072, undefined, '8192'],
    ['what is asked for', 131_072, 32_768, '32768'],
    ['never more than trained, even when asked', 2048, 4096, '2048'],
    ['left to vLLM where nothing is known', undefined, undefined, 'auto'],
  ])('gives a request as many tokens: %s', (_, trained, asked, expected) => {
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ max_position_embeddings: trained }))
    expect(argumentOf(vllmArguments(server(own, asked)), '--max-model-len')).toBe(expected)
  })

  it('sends spans where it is told to, and takes more arguments behind ours', () => {
    const plain = server({ kind: 'id', name: 'org/m', id: 'org/m' })
    const otlpEndpoint = 'http://127.0.0.1:4318/v1/traces'
    const asked = { ...plain, options: { otlpEndpoint, extraArguments: ['--max-num-seqs', '3'] } }
    expect(argumentOf(vllmArguments(asked), '--otlp-traces-endpoint')).toBe(otlpEndpoint)
    expect(vllmArguments(asked).slice(-2)).toEqual(['--max-num-seqs', '3'])
    expect(vllmArguments(plain)).not.toContain('--otlp-traces-endpoint')
    const layout = cacheLayout('/cache')
    expect(vllmEnvironment(asked, layout, undefined, {}).OTEL_EXPORTER_OTLP_TRACES_PROTOCOL).toBe('http/protobuf')
    expect(vllmEnvironment(plain, layout, undefined, {})).not.toHaveProperty('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL')
  })

  it('serves a fetched model under its id, in one folder of profiles', () => {
    const args = vllmArguments(server({ kind: 'id', name: 'org/m', id: 'org/m' }))
    expect(argumentOf(args, '--served-model-name')).toBe('org/m')
    expect(argumentOf(args, '--max-model-len')).toBe('auto')
    const profiler = JSON.parse(argumentOf(args, '--profiler-config') ?? '')
    expect(profiler).toEqual({
      profiler: 'torch',
      torch_profiler_dir: '/profiles',
      torch_profiler_with_stack: false,
    })
  })

  it('is eager on a CPU alone', () => {
    expect(vllmArguments(server(own))).toContain('--enforce-eager')
    expect(vllmArguments(server(own, undefined, true))).not.toContain('--enforce-eager')
  })

  it('computes prompts whole on a CPU, where a seed and a prompt in pieces end the engine', () => {
    writeFileSync(join(folder, 'config.json'), '{"max_position_embeddings": 8192}')
    const args = vllmArguments(server(own))
    expect(args).toContain('--no-enable-chunked-prefill')
    expect(argumentOf(args, '--max-num-batched-tokens')).toBe('8192')
    expect(vllmArguments(server({ kind: 'id', name: 'o/m', id: 'o/m' }))).not.toContain('--no-enable-chunked-prefill')
    expect(vllmArguments(server(own, undefined, true))).not.toContain('--no-enable-chunked-prefill')
  })
})

describe('vllmEnvironment', () => {
  const layout = cacheLayout('/cache')

  it('keeps the user’s Python out, and lets the user’s own settings win', () => {
    const env = vllmEnvironment(server({ kind: 'tiny', name: 't' }), layout, undefined, {
      PYTHONPATH: '/mine',
      VLLM_CPU_KVCACHE_SPACE: '4',
    })
    expect(env).not.toHaveProperty('PYTHONPATH')
    expect(env).toMatchObject({ VLLM_CPU_KVCACHE_SPACE: '4', VLLM_NO_USAGE_STATS: '1', HF_HUB_OFFLINE: '1' })
  })

  it('lets only a model by id be fetched', () => {
    const env = vllmEnvironment(server({ kind: 'id', name: 'o/m', id: 'o/m' }), layout, undefined, {})
    expect(env).not.toHaveProperty('HF_HUB_OFFLINE')
  })
})

it('names cores to vLLM only where it cannot see them itself, or threads are asked for', () => {
  expect(coreSettings(undefined, [0, 1, 2, 3], 4)).toEqual({})
  expect(coreSettings(undefined, [], 4)).toEqual({})
  expect(coreSettings(undefined, [0, 1, 2, 3], 2)).toEqual({ VLLM_CPU_OMP_THREADS_BIND: '0' })
  expect(coreSettings(undefined, [7], 1)).toEqual({ VLLM_CPU_OMP_THREADS_BIND: '7' })
  expect(coreSettings(2, [4, 5, 6, 7], 4)).toEqual({ VLLM_CPU_OMP_THREADS_BIND: '4,5' })
})

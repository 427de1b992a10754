import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { environmentPython, pythonEnvironment } from '../src/engines/vllm/environment.ts'
import { installVllm } from '../src/engines/vllm/install.ts'
import { whatVllmMisses } from './support/vllm.ts'

const MINUTES = 60_000
const folder = fileURLToPath(new URL('../python/layerline_kernels', import.meta.url))

let missing: string | undefined
let python = ''

beforeAll(async () => {
  missing = await whatVllmMisses()
  if (missing !== undefined) return
  const { engineFolder } = await installVllm({ model: null })
  python = environmentPython(engineFolder)
}, 60 * MINUTES)

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing)
})

it('the kernel workers pass their own tests', { timeout: 20 * MINUTES }, async () => {
  const { stderr } = await promisify(execFile)(python, ['-B', '-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'], {
    cwd: folder,
    env: { ...pythonEnvironment(process.env), PYTHONPATH: folder },
    maxBuffer: 64 << 20,
  })
  expect(stderr).toMatch(/^Ran [1-9]\d* tests/m)
  expect(stderr).toMatch(/^OK\b/m)
})

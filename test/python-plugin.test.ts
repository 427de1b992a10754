import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { CHECKOUT } from './support/cli.ts'
import { missingProgram, needs } from './support/needs.ts'

needs(missingProgram('python3'))

it.each([
  ['the step log of vLLM', 'layerline_vllm'],
  ['the program whose behaviour the os layer is held against', 'layerline_os'],
])('%s passes its own tests', async (_, name) => {
  const cwd = join(CHECKOUT, 'python', name)
  const { stderr } = await promisify(execFile)('python3', ['-B', '-m', 'unittest', 'discover', '-s', 'tests'], {
    cwd,
    env: { ...process.env, PYTHONPATH: cwd },
  })
  expect(stderr).toMatch(/^Ran [1-9]\d* test/m)
  expect(stderr).toMatch(/^OK$/m)
})

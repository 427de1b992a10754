import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../python/layerline_vllm', import.meta.url))

it('the step log of vLLM passes its own tests', async () => {
  const { stderr } = await promisify(execFile)('python3', ['-B', '-m', 'unittest', 'discover', '-s', 'tests'], {
    cwd: folder,
    env: { ...process.env, PYTHONPATH: folder },
  })
  expect(stderr).toMatch(/^Ran [1-9]\d* tests/m)
  expect(stderr).toMatch(/^OK$/m)
})

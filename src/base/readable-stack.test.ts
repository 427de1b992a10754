import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { builtFile, packageFile } from './package-files.ts'
import { readableStack } from './readable-stack.ts'

test("a built module's stack names the source and its line", () => {
  const module = builtFile('src/store/run-folder').href
  const script = `const { readRunJson } = await import(${JSON.stringify(module)})
try { readRunJson('/nowhere/at/all') } catch (error) { process.stdout.write(error.stack) }`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stdout).toMatch(/dist\/.*\.js:\d+:\d+/)
  const [, line] = /src\/store\/run-folder\.ts:(\d+):\d+/.exec(readableStack(stdout)) ?? []
  const source = readFileSync(packageFile('src/store/run-folder.ts'), 'utf8').split('\n')
  const thrown = source.slice(Number(line) - 1, Number(line) + 1).join('\n')
  expect(thrown).toContain('LayerlineError')
})

test('what has no map stays as it is', () => {
  const stack = 'Error: x\n    at f (file:///gone/dist/chunks/a.js:1:2)\n    at node:fs:3:4'
  expect(readableStack(stack)).toBe(stack)
})

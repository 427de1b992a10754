import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { firstLine, runTool } from './tool.ts'

it('gives what a tool said and how it ended', async () => {
  const result = await runTool('sh', ['-c', 'echo out; echo bad >&2; exit 4'], { limit: 10_000 })
  expect(result).toEqual({ how: 'ended', code: 4, signal: null, stdout: 'out\n', stderr: 'bad\n' })
  expect(await runTool('no-such-program-anywhere', [], { limit: 10_000 })).toMatchObject({ how: 'absent', code: null })
})

it('ends one that is silent and ignores signals', async () => {
  const deaf = ['-c', 'trap "" INT TERM HUP; echo begun; while :; do sleep 1000; done']
  expect(await runTool('sh', deaf, { limit: 200 })).toMatchObject({ how: 'late', code: null, stdout: 'begun\n' })
}, 20_000)

it('ends one that is called off', async () => {
  const abort = new AbortController()
  const running = runTool('sleep', ['1000'], { limit: { endedBy: 'the test' }, signal: abort.signal })
  abort.abort()
  expect(await running).toMatchObject({ how: 'aborted', signal: 'SIGTERM' })
})

it('names the first line that says something', () => {
  expect(firstLine('\n  \n first\nsecond')).toBe('first')
  expect(firstLine('\n')).toBeNull()
})

it('a name that PATH has for no user like this one is absent', async () => {
  const folder = tempFolder()
  writeFileSync(join(folder, 'closed-tool'), '')
  chmodSync(join(folder, 'closed-tool'), 0o600)
  const env = { ...process.env, PATH: folder }
  expect(await runTool('closed-tool', [], { limit: 10_000, env })).toMatchObject({ how: 'absent', code: null })
  await expect(runTool(join(folder, 'closed-tool'), [], { limit: 10_000 })).rejects.toMatchObject({ code: 'EACCES' })
})

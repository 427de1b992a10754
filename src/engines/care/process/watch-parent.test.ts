import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { builtFile } from '../../../base/package-files.ts'
import { isSameProcessAlive, processStart } from '../../../base/process-identity.ts'
import { allOver } from './end-process.ts'

const PARENT = `
import { spawn } from 'node:child_process'
const { watchParent } = await import(process.argv[1])
const engine = spawn('sh', ['-c', 'sleep 100 & wait'], { detached: true, stdio: 'ignore' })
const watch = watchParent(engine.pid)
if (process.argv[2] === 'release') watch.release()
console.log(engine.pid)
setInterval(() => {}, 1000)`

async function engineAfterParentDied(mode: string): Promise<{ pid: number; start: string; alive: boolean }> {
  const module = builtFile('src/engines/care/process/watch-parent').href
  const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT, module, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface({ input: parent.stdout }), 'line')
  const pid = Number(line)
  const start = processStart(pid)
  const gone = once(parent, 'exit')
  parent.kill('SIGKILL')
  await gone
  for (let tries = 0; tries < (mode === 'release' ? 10 : 200) && isSameProcessAlive(pid, start); tries++)
    await sleep(20)
  return { pid, start, alive: isSameProcessAlive(pid, start) }
}

it('ends the engine when its parent is killed, and what the engine leaves behind', async () => {
  const { pid, start, alive } = await engineAfterParentDied('watch')
  expect(alive).toBe(false)
  await vi.waitFor(() => expect(allOver(pid, start)).toBe(true), { timeout: 30_000 })
})

it('lets a released engine live on', async () => {
  const { pid, alive } = await engineAfterParentDied('release')
  process.kill(-pid, 'SIGKILL')
  expect(alive).toBe(true)
})

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, expect, it } from 'vitest'
import { isSameProcessAlive, processStart } from '../../../base/process-identity.ts'
import { allOver, endProcess } from './end-process.ts'

/** Leads a group with a child that ignores SIGTERM; prints the child's pid. */
const LEADER = `
const { spawn } = require('node:child_process')
const stubborn = "process.on('SIGTERM', () => {}); console.log(process.pid); setInterval(() => {}, 1000)"
spawn(process.execPath, ['-e', stubborn], { stdio: ['ignore', 'inherit', 'ignore'] })
setInterval(() => {}, 1000)`

let leader: ChildProcess | undefined
afterEach(() => {
  try {
    if (leader?.pid !== undefined) process.kill(-leader.pid, 'SIGKILL')
  } catch {
    // It is gone, as it should be.
  }
})

async function startGroup(): Promise<{ pid: number; start: string; child: number; childStart: string }> {
  leader = spawn(process.execPath, ['-e', LEADER], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  if (leader.stdout === null || leader.pid === undefined) throw new Error('the leader did not start')
  const [line] = await once(createInterface({ input: leader.stdout }), 'line')
  const child = Number(line)
  return { pid: leader.pid, start: processStart(leader.pid), child, childStart: processStart(child) }
}

it('ends a leader with its group, by force where a member does not listen', async () => {
  const { pid, start, child, childStart } = await startGroup()
  await endProcess(pid, start, 200)
  expect(isSameProcessAlive(pid, start)).toBe(false)
  expect(isSameProcessAlive(child, childStart)).toBe(false)
})

it('ends what a killed leader left behind', async () => {
  const { pid, start, child, childStart } = await startGroup()
  const gone = once(leader as ChildProcess, 'exit')
  leader?.kill('SIGKILL')
  await gone
  expect(isSameProcessAlive(child, childStart)).toBe(true)
  expect(allOver(pid, start)).toBe(false)
  await endProcess(pid, start, 200)
  expect(isSameProcessAlive(child, childStart)).toBe(false)
  expect(allOver(pid, start)).toBe(true)
})

it('touches no group whose leader started at another time', async () => {
  const { pid, start, child, childStart } = await startGroup()
  expect(allOver(pid, '1')).toBe(true)
  await endProcess(pid, '1', 50)
  expect([isSameProcessAlive(pid, start), isSameProcessAlive(child, childStart)]).toEqual([true, true])
})

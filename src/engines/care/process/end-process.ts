import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { LayerlineError } from '../../../base/errors.ts'
import { isSameProcessAlive, processStart } from '../../../base/process-identity.ts'

/**
 * Asks a process to end, waits, and kills it with the rest of the process group it leads; never a
 * process whose start time differs, nor its group. Resolves when all of them are gone.
 */
export async function endProcess(pid: number, start: string, patienceMs = 10_000): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (allOver(pid, start)) return
    send(pid, start, signal)
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 20) {
      if (allOver(pid, start)) return
      await sleep(20)
    }
  }
  throw new LayerlineError('internal/engine-stop', `The engine's process ${pid} does not end, not even by SIGKILL.`)
}

/** A leader is asked first: it ends its own; when it is gone, or by force, the rest of its group is signalled. */
function send(pid: number, start: string, signal: 'SIGTERM' | 'SIGKILL'): void {
  const leads = groupMembers(pid, start).length > 0
  const group = leads && (signal === 'SIGKILL' || !isSameProcessAlive(pid, start))
  try {
    process.kill(group ? -pid : pid, signal)
  } catch {
    // It ended meanwhile.
  }
}

/** Whether a process and the group that it led are gone. */
export function allOver(pid: number, start: string): boolean {
  return isOver(pid, start) && groupMembers(pid, start).length === 0
}

/** A process that has ended keeps its port and memory until the last of its threads is gone. */
function isOver(pid: number, start: string): boolean {
  if (isSameProcessAlive(pid, start)) return false
  try {
    return processStart(pid) !== start || readdirSync(`/proc/${pid}/task`).length <= 1
  } catch {
    return true
  }
}

/**
 * The living processes of the group that a process leads or led. The kernel does not reuse a pid while a group has its
 * number; so the group belongs to another process only if the pid has another start time.
 */
function groupMembers(leader: number, start: string): number[] {
  const now = processStart(leader)
  if (start === '' || (now !== '' && now !== start)) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isMember(pid, leader))
}

function isMember(pid: number, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(pgrp) === group && state !== 'Z' && state !== 'X'
  } catch {
    return false
  }
}

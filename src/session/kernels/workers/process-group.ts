import { readdirSync, readFileSync } from 'node:fs'
import { processStart } from '../../../base/process-identity.ts'
import { endProcess } from '../../../engines/care/process/end-process.ts'

/** A tag that all descendants of a worker have in their environment, also those that left its process group. */
export const TAG = 'LAYERLINE_WORKER'

export function newTag(): string {
  return `${process.pid}-${Math.random().toString(36).slice(2)}`
}

/** Living processes of a group, and the CPU time they have used, in the kernel's ticks (100 a second). */
export function groupTicks(group: number): { processes: number; ticks: number } {
  let processes = 0
  let ticks = 0
  for (const pid of allPids()) {
    const [state, , pgrp, ...rest] = statOf(pid)
    if (Number(pgrp) !== group || state === 'Z' || state === 'X') continue
    processes++
    // utime and stime, fields 14 and 15.
    ticks += Number(rest[8]) + Number(rest[9])
  }
  return { processes, ticks }
}

/** Ends every process with the tag; returns how many there were. */
export async function endTagged(tag: string): Promise<number> {
  const marked = allPids()
    .filter((pid) => environmentOf(pid).includes(`${TAG}=${tag}`))
    .map((pid) => ({ pid, start: processStart(pid) }))
    // A process that is gone has no start time, and its pid may belong to another process.
    .filter(({ start }) => start !== '')
  await Promise.all(marked.map(({ pid, start }) => endProcess(pid, start, 2000).catch(() => {})))
  return marked.length
}

function allPids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}

/** From the state on: the command's name may hold spaces and parentheses. */
function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

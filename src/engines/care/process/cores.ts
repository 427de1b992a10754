import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Cores that this process may use: its affinity, and the CPU quota of its container (cgroup v2). */
export function usableCores(): number {
  const cores = availableParallelism()
  try {
    const [quota, period] = readFileSync('/sys/fs/cgroup/cpu.max', 'utf8').split(' ').map(Number)
    return quota && period ? Math.min(cores, Math.floor(quota / period)) : cores
  } catch {
    return cores
  }
}

/** The ids of the cores that this process may run on, ascending; parsed from `0-3,8` in /proc/self/status. */
export function allowedCores(list: string = allowedList()): number[] {
  return list
    .split(',')
    .filter((part) => part.trim() !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, i) => first + i)
    })
}

function allowedList(): string {
  try {
    return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  } catch {
    return ''
  }
}

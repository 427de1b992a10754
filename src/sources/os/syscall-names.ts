import { arch } from 'node:os'
import table from './syscall-table.json' with { type: 'json' }

let names: readonly string[] | null = null

/** The name of a system call by its number on this machine, as of Linux 6.1; `syscall_N` for an unknown one. */
export function syscallName(number: number): string {
  names ??= ofThisMachine()
  const name = names[number]
  return name === undefined || name === '-' ? `syscall_${number}` : name
}

function ofThisMachine(): readonly string[] {
  const own = arch() === 'x64' ? table.x64 : arch() === 'arm64' ? table.arm64 : ''
  return own === '' ? [] : own.split(' ')
}

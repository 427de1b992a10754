import { readFileSync } from 'node:fs'
import { arch } from 'node:os'
import { z } from 'zod'

const tableSchema = z.object({ x64: z.string(), arm64: z.string() })
let names: readonly string[] | null = null

/** The name of a system call by its number on this machine, as of Linux 6.1; `syscall_N` for one that is not known. */
export function syscallName(number: number): string {
  names ??= readTable()
  const name = names[number]
  return name === undefined || name === '-' ? `syscall_${number}` : name
}

function readTable(): readonly string[] {
  const table = tableSchema.parse(JSON.parse(readFileSync(new URL('./syscall-table.json', import.meta.url), 'utf8')))
  const own = arch() === 'x64' ? table.x64 : arch() === 'arm64' ? table.arm64 : ''
  return own === '' ? [] : own.split(' ')
}

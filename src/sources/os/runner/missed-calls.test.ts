import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { missedCalls } from './missed-calls.ts'

const proc = mkdtempSync(join(tmpdir(), 'layerline-missed-'))
afterAll(() => rmSync(proc, { recursive: true }))

function descriptor(pid: number, fd: number, text: string): void {
  mkdirSync(join(proc, String(pid), 'fdinfo'), { recursive: true })
  writeFileSync(join(proc, String(pid), 'fdinfo', String(fd)), text)
}

it('adds up what the kernel tells of the programs that a process holds', () => {
  // As Linux 6.18 writes them: one of a program, and one of something else.
  const program = 'pos:\t0\nprog_type:\t5\nrun_cnt:\t0\nrecursion_misses:\t'
  descriptor(7, 3, `${program}12\nverified_insns:\t218\n`)
  descriptor(7, 4, `${program}0\n`)
  descriptor(7, 5, `${program}30\n`)
  descriptor(7, 6, 'pos:\t0\nflags:\t02000002\n')
  expect(missedCalls(7, proc)).toBe(42)
})

it('knows nothing of a process that holds none, or is gone, or of a kernel that does not tell', () => {
  descriptor(8, 0, 'pos:\t0\n')
  descriptor(8, 1, 'pos:\t0\nprog_type:\t5\n')
  expect(missedCalls(8, proc)).toBeNull()
  expect(missedCalls(9, proc)).toBeNull()
})

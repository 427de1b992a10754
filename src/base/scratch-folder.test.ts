import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { scratchFolder } from './scratch-folder.ts'

/** The name of a folder that a dead process of this user left. */
function leftBehind(parent: string): string {
  const mine = basename(scratchFolder('test', parent))
  const { pid } = spawnSync('true')
  return join(parent, mine.replace(`-${process.pid}-`, `-${pid}-`).replace(/.{6}$/, 'abcdef'))
}

test('is a new folder each time that nobody else may enter', () => {
  const parent = tempFolder()
  const before = process.umask(0)
  try {
    const [a, b] = [scratchFolder('test', parent), scratchFolder('test', parent)]
    expect(a).not.toBe(b)
    expect([a, b].map((folder) => statSync(folder).mode & 0o777)).toEqual([0o700, 0o700])
    expect(readdirSync(parent).length).toBe(2)
  } finally {
    process.umask(before)
  }
})

test('what a killed process left goes at the next start; what lives, or has another name, stays', () => {
  const parent = tempFolder()
  const stale = leftBehind(parent)
  mkdirSync(stale)
  writeFileSync(join(stale, 'spilled'), 'prompts')
  mkdirSync(join(parent, 'layerline-other'))
  const living = scratchFolder('test', parent)
  expect(existsSync(stale)).toBe(false)
  expect(existsSync(living)).toBe(true)
  expect(existsSync(join(parent, 'layerline-other'))).toBe(true)
})

test('a symbolic link with such a name, planted by somebody, leads to nothing being removed', () => {
  const parent = tempFolder()
  const precious = tempFolder()
  writeFileSync(join(precious, 'thesis'), '')
  const stale = leftBehind(parent)
  symlinkSync(precious, stale)
  // One inside a folder that does go, too.
  const other = stale.replace(/.{6}$/, 'ghijkl')
  mkdirSync(other)
  symlinkSync(precious, join(other, 'link'))
  scratchFolder('test', parent)
  expect(existsSync(other)).toBe(false)
  expect(existsSync(join(precious, 'thesis'))).toBe(true)
})

test("another user's folder is left", async (context) => {
  if (process.getuid?.() !== 0) return context.skip('only root gives files away: run the tests as root')
  const { chownSync } = await import('node:fs')
  const parent = tempFolder()
  const stale = leftBehind(parent)
  mkdirSync(stale)
  chownSync(stale, 12345, 12345)
  scratchFolder('test', parent)
  expect(existsSync(stale)).toBe(true)
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FileTooLarge, readSmallFile } from './small-file.ts'

test('a file is read up to its bound, and a device that never ends is refused', () => {
  const folder = mkdtempSync(join(tmpdir(), 'layerline-test-'))
  try {
    const path = join(folder, 'f')
    writeFileSync(path, 'x'.repeat(100_000))
    expect(readSmallFile(path, 100_000)).toHaveLength(100_000)
    expect(() => readSmallFile(path, 99_999)).toThrow(FileTooLarge)
    expect(() => readSmallFile('/dev/zero', 1 << 20)).toThrow(/1 MiB/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

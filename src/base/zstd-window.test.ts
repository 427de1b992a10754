import { expect, test } from 'vitest'
import { zstdWindowProblem } from './zstd-window.ts'

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]
const skippable = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]

test.each([
  ['8 MiB', [...MAGIC, 0x00, 13 << 3], false],
  ['128 MiB', [...MAGIC, 0x00, 17 << 3], false],
  ['144 MiB', [...MAGIC, 0x00, (17 << 3) | 1], true],
  ['2 GiB', [...MAGIC, 0x00, 21 << 3], true],
  ['2 GiB behind a frame to be skipped', [...skippable, ...MAGIC, 0x00, 21 << 3], true],
  ['one segment of 300 bytes', [...MAGIC, 0x60, 44, 0], false],
  ['one segment of 2 GiB', [...MAGIC, 0xa0, 0, 0, 0, 0x80], true],
  ['one segment of 8 TiB', [...MAGIC, 0xe0, 0, 0, 0, 0, 0, 8, 0, 0], true],
  ['no zstd', [0x1f, 0x8b, 8, 0, 0, 0], false],
])('a window of %s', (_name, bytes, refused) => {
  expect(zstdWindowProblem(Buffer.from(bytes)) !== null).toBe(refused)
})

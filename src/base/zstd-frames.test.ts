import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { unzstd } from './unzstd.ts'
import { ZstdFrames } from './zstd-frames.ts'

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]
const skippable = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]
/** A whole frame of three blocks, `ab`, four `c` and `d`; with a window of 1 KiB and a checksum that is not looked at. */
const frame = [...MAGIC, 0x04, 0, 0x10, 0, 0, 0x61, 0x62, 0x22, 0, 0, 0x63, 0x09, 0, 0, 0x64, 1, 2, 3, 4]
const huge = [...MAGIC, 0x00, 21 << 3, 0x01, 0, 0]

const problemOf = (bytes: readonly number[], piece = bytes.length) => {
  const frames = new ZstdFrames()
  for (let at = 0; at < bytes.length; at += piece) {
    const problem = frames.problem(Buffer.from(bytes.slice(at, at + piece)))
    if (problem !== null) return problem
  }
  return null
}

test.each([
  ['8 MiB', [...MAGIC, 0x00, 13 << 3], false],
  ['128 MiB', [...MAGIC, 0x00, 17 << 3], false],
  ['144 MiB', [...MAGIC, 0x00, (17 << 3) | 1], true],
  ['2 GiB', [...MAGIC, 0x00, 21 << 3], true],
  ['2 GiB behind a frame to be skipped', [...skippable, ...MAGIC, 0x00, 21 << 3], true],
  ['2 GiB in the third frame', [...frame, ...frame, ...huge], true],
  ['2 GiB behind both', [...frame, ...skippable, ...skippable, ...huge], true],
  ['1 KiB in each of many frames', [...frame, ...skippable, ...frame, ...frame], false],
  ['one segment of 300 bytes', [...MAGIC, 0x60, 44, 0], false],
  ['one segment of 2 GiB', [...MAGIC, 0xa0, 0, 0, 0, 0x80], true],
  ['one segment of 2 GiB, with a dictionary', [...MAGIC, 0xa1, 7, 0, 0, 0, 0x80], true],
  ['one segment of 8 TiB', [...MAGIC, 0xe0, 0, 0, 0, 0, 0, 8, 0, 0], true],
  ['no zstd', [0x1f, 0x8b, 8, 0, 0, 0], false],
  ['what follows a frame and is no zstd', [...frame, 0, 0, ...huge], false],
])('a window of %s, however the file is cut into pieces', (_name, bytes, refused) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: bytes.length }), (piece) => {
      expect(problemOf(bytes, piece) !== null).toBe(refused)
    }),
  )
  if (refused) expect(problemOf(bytes)).toContain('128 MiB')
})

describe('unpacking', () => {
  async function* cut(bytes: readonly number[], piece: number) {
    for (let at = 0; at < bytes.length; at += piece) yield Buffer.from(bytes.slice(at, at + piece))
  }
  async function textOf(bytes: readonly number[], piece = bytes.length): Promise<string> {
    let text = ''
    for await (const unpacked of unzstd(cut(bytes, piece))) text += Buffer.from(unpacked).toString('latin1')
    return text
  }

  it('is of every frame', async () => {
    const bytes = [...frame, ...skippable, ...frame]
    for (let piece = 1; piece <= bytes.length; piece++) expect(await textOf(bytes, piece)).toBe('abccccdabccccd')
  })

  it('ends where a later frame asks for too much', async () => {
    await expect(textOf([...frame, ...huge])).rejects.toThrow('128 MiB')
  })

  it('ends where a block is larger than blocks are', async () => {
    // 2 MiB of one byte, in four.
    await expect(textOf([...MAGIC, 0x00, 13 << 3, 0xfb, 0xff, 0xff, 0x61])).rejects.toThrow('up to 128 KiB')
  })

  it('hands over what little of a bomb unpacks to before it looks at more', async () => {
    // Blocks of 128 KiB of one byte each, and in the same piece, 4 KiB on, one that is larger than blocks are.
    const blocks = Array.from({ length: 1000 }, () => [0x02, 0, 0x10, 0x61]).flat()
    const pieces = unzstd(cut([...MAGIC, 0x00, 7 << 3, ...blocks, 0xfb, 0xff, 0xff, 0x61], 1 << 20))
    let bytes = 0
    const all = async () => {
      for await (const piece of pieces) bytes += piece.length
    }
    await expect(all()).rejects.toThrow('up to 128 KiB')
    expect(bytes).toBeGreaterThan(32 * 2 ** 20)
    expect(bytes).toBeLessThanOrEqual(1000 * 2 ** 17)
  })
})

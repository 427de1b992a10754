import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { type TextLine, textLines } from './text-lines.ts'

async function linesOf(text: string, mostChars = 1000): Promise<TextLine[]> {
  const path = join(tempFolder(), 'file')
  writeFileSync(path, text)
  const lines: TextLine[] = []
  for await (const piece of textLines(path, mostChars)) lines.push(...piece)
  return lines
}

describe('lines of a file', () => {
  it('end in LF or CRLF, in nothing else', async () => {
    const lines = await linesOf('\uFEFFa\r\n\nb\rc\u2028d\n€')
    expect(lines.map(({ text }) => text)).toEqual(['a', '', 'b\rc\u2028d', '€'])
    expect(lines.map(({ cut }) => cut)).toEqual([false, false, false, true])
    expect(lines.map(({ line }) => line)).toEqual([1, 2, 3, 4])
    expect(await linesOf('')).toEqual([])
  })

  it('are not held past their bound, wherever the file is cut into pieces', async () => {
    // Pieces are of 64 KiB.
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 150_000 }), { minLength: 1, maxLength: 6 }),
        async (sizes) => {
          const lines = await linesOf(sizes.map((size) => `${'x'.repeat(size)}\n`).join(''), 70_000)
          expect(lines.map(({ text }) => text.length)).toEqual(sizes.map((size) => Math.min(size, 70_000)))
          expect(lines.map(({ tooLong }) => tooLong)).toEqual(sizes.map((size) => size > 70_000))
        },
      ),
      { numRuns: 20 },
    )
  })
})

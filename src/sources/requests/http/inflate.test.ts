import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { createRunClock } from '../../../base/time.ts'
import type { AnswerError } from '../stream/answer-error.ts'
import { ReadStamps } from '../stream/read-stamps.ts'
import { Inflate } from './inflate.ts'

function unpack(coding: string, packed: Buffer): Promise<{ bytes: number; error: AnswerError | null }> {
  return new Promise((resolve) => {
    let bytes = 0
    const inflate = Inflate.of(coding, new ReadStamps(createRunClock()), {
      inflated: (piece) => (bytes += piece.length),
      inflateDrained: () => {},
      inflateEnded: (error) => resolve({ bytes, error }),
    })
    for (let at = 0; at < packed.length; at += 65_536) inflate?.push(packed, at, Math.min(packed.length, at + 65_536))
    inflate?.end()
  })
}

test('some bytes that unpack to gigabytes are an error, not memory', async () => {
  const { bytes, error } = await unpack(
    'br',
    brotliCompressSync(Buffer.alloc(70 * 1024 * 1024), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  )
  expect(error?.status).toBe('malformed')
  expect(error?.message).toContain(String(64 * 1024 * 1024))
  expect(bytes).toBe(0)
})

test('a long body that packs well is no such thing', async () => {
  const body = Buffer.from('data: {"choices":[{"delta":{"content":"again "}}]}\n\n'.repeat(200_000))
  expect(await unpack('gzip', gzipSync(body))).toEqual({ bytes: body.length, error: null })
})

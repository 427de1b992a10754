import fc from 'fast-check'
import { expect, it } from 'vitest'
import { batchesOfFrames, frameOf, LAST_FRAME } from './number-frames.ts'

const cutShort = () => new Error('cut short')

async function read(parts: Iterable<Uint8Array>) {
  const batches = []
  const all = (async function* () {
    yield* parts
  })()
  for await (const { rows, columns } of batchesOfFrames(all, cutShort)) batches.push({ rows, columns })
  return batches
}

const batch = fc.array(fc.tuple(fc.double(), fc.nat(0xffffffff)), { minLength: 1, maxLength: 20 }).map((rows) => ({
  rows: rows.length,
  columns: [Float64Array.from(rows, ([x]) => x), Uint32Array.from(rows, ([, id]) => id)],
  owner: null,
}))

it('come back as they were, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { maxLength: 5 }), fc.integer({ min: 1, max: 50 }), async (batches, size) => {
      const bytes = Buffer.concat([...batches.map(frameOf), LAST_FRAME])
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
      expect(await read(parts)).toEqual(batches.map(({ rows, columns }) => ({ rows, columns })))
    }),
  )
})

it('a cut answer is not taken for a whole one', async () => {
  const frame = frameOf({ rows: 1, columns: [Float64Array.of(1)], owner: null })
  await expect(read([frame])).rejects.toThrow('cut short')
  await expect(read([frame, LAST_FRAME.subarray(0, 3)])).rejects.toThrow('cut short')
})

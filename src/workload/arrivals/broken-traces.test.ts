import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { LayerlineError } from '../../base/errors.ts'
import { openTrace } from './open-trace.ts'

const SAMPLES = {
  'azure.csv':
    'TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04,5,6',
  'lmm.csv': 'TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2025-01-01 00:00:00.5+00:00,2,1500,10\n',
  'burst.csv':
    'Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n1,"a, b",3.1,GPT-4,10,5,15,x\n2,,1,y,3,0,3,x\n',
  'mooncake.jsonl':
    '{"timestamp":0,"input_length":6,"output_length":5,"hash_ids":[0]}\n{"timestamp":3000,"input_length":6,"output_length":5,"hash_ids":[0]}\n',
  'qwen.jsonl':
    '{"chat_id":1,"parent_chat_id":-1,"timestamp":0.5,"input_length":6,"output_length":5,"type":"text","turn":1,"hash_ids":[1]}\n',
}

it('whatever is done to a trace, it is read or said to be wrong, with and without --skip-bad', async () => {
  const edit = fc.record({ at: fc.nat(400), remove: fc.nat(8), insert: fc.uint8Array({ maxLength: 4 }) })
  const likely = fc.constantFrom(
    ...['"', ',', '\n', '\r\n', '{', '}', '-', '1e999', 'null', '[', '\u0000', '\uFEFF'].map((text) =>
      Buffer.from(text),
    ),
  )
  const path = join(tempFolder(), 'broken')
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...Object.values(SAMPLES)),
      fc.array(fc.oneof(edit, fc.record({ at: fc.nat(400), remove: fc.nat(2), insert: likely })), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.boolean(),
      fc.boolean(),
      async (sample, edits, skipBad, isPacked) => {
        let bytes: Buffer = Buffer.from(sample)
        if (isPacked) bytes = gzipSync(bytes)
        for (const { at, remove, insert } of edits) {
          const place = at % (bytes.length + 1)
          bytes = Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + remove)])
        }
        writeFileSync(path, bytes)
        try {
          const schedule = await openTrace({ path, skipBad })
          let [before, index] = [0, 0]
          for await (const batch of schedule.batches()) {
            for (const arrival of batch) {
              expect(arrival.index).toBe(index++)
              expect(arrival.tUs).toBeGreaterThanOrEqual(before)
              expect(Number.isSafeInteger(arrival.tUs)).toBe(true)
              expect(arrival.inputTokens).toBeGreaterThan(0)
              before = arrival.tUs
            }
          }
          await schedule.close()
        } catch (error) {
          expect(error).toBeInstanceOf(LayerlineError)
          expect((error as LayerlineError).message).toContain(path)
        }
      },
    ),
    { numRuns: 300 },
  )
})

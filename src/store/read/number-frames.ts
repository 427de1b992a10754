import type { NumberBatch } from './run-reader.ts'

const HEAD_BYTES = 8
const DOUBLE = 8

/**
 * A batch of numbers as bytes for another process of this machine: rows and columns, a byte a column for the size of its
 * values, the columns. A head of zeros ends it.
 */
export function frameOf({ rows, columns }: NumberBatch): Buffer {
  const head = Buffer.alloc(HEAD_BYTES + columns.length)
  head.writeUInt32LE(rows, 0)
  head.writeUInt32LE(columns.length, 4)
  for (const [i, column] of columns.entries()) head[HEAD_BYTES + i] = column.BYTES_PER_ELEMENT
  return Buffer.concat([
    head,
    ...columns.map((column) => new Uint8Array(column.buffer, column.byteOffset, column.byteLength)),
  ])
}

export const LAST_FRAME: Buffer = Buffer.alloc(HEAD_BYTES)

/** The batches of such bytes, however they are cut; `cutShort` makes the error where the last is missing. */
export async function* batchesOfFrames(
  parts: AsyncIterable<Uint8Array>,
  cutShort: () => Error,
): AsyncGenerator<NumberBatch> {
  let rest = Buffer.alloc(0)
  try {
    for await (const part of parts) {
      rest = rest.length === 0 ? Buffer.from(part) : Buffer.concat([rest, part])
      for (;;) {
        const batch = firstBatch(rest)
        if (batch === null) break
        if (batch.rows === 0) return
        yield batch
        rest = rest.subarray(batch.bytes)
      }
    }
  } catch (error) {
    // The recorder seals and takes no leave of its readers.
    throw Object.assign(cutShort(), { cause: error })
  }
  throw cutShort()
}

function firstBatch(bytes: Buffer): (NumberBatch & { bytes: number }) | null {
  if (bytes.length < HEAD_BYTES) return null
  const rows = bytes.readUInt32LE(0)
  const count = bytes.readUInt32LE(4)
  let at = HEAD_BYTES + count
  if (bytes.length < at) return null
  const sizes = [...bytes.subarray(HEAD_BYTES, at)]
  if (bytes.length < at + rows * sizes.reduce((sum, size) => sum + size, 0)) return null
  const columns = sizes.map((size) => {
    // Copied to where numbers may lie.
    const own = new Uint8Array(bytes.subarray(at, at + rows * size)).buffer
    at += rows * size
    return size === DOUBLE ? new Float64Array(own) : new Uint32Array(own)
  })
  return { rows, columns, owner: null, bytes: at }
}

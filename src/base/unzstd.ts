import { Decompress } from 'fzstd'
import { ZstdFrames } from './zstd-frames.ts'

/** Four bytes may unpack to a block of 128 KiB: the output of one such piece stays under 64 MiB. */
const PIECE_BYTES = 2048

/**
 * Unpacks zstd in small steps, however large the output. A yielded buffer is valid until the next is asked for. Throws,
 * in words, if the bytes are not zstd, are cut off, or ask for too much memory.
 */
export async function* unzstd(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let unpacked: Uint8Array[] = []
  const frames = new ZstdFrames()
  const decompress = new Decompress((piece) => unpacked.push(piece))
  for await (const whole of pieces) {
    for (let at = 0; at < whole.length; at += PIECE_BYTES) {
      const piece = whole.subarray(at, at + PIECE_BYTES)
      const problem = frames.problem(piece)
      if (problem !== null) throw new Error(problem)
      decompress.push(piece)
      yield* unpacked
      unpacked = []
    }
  }
  decompress.push(new Uint8Array(0), true)
  yield* unpacked
}

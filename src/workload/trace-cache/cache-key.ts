import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { TraceLayout } from '../trace-formats/trace-format.ts'
import { CACHE_VERSION } from './cache-meta.ts'

const END_BYTES = 1 << 20

/**
 * Names what a cache is made of: the file by its size, its time of change and its first and last MiB, not by its path,
 * so that a renamed file finds its cache and one that grew or was saved again does not; and how it is read. A whole hash
 * would cost seconds at each start of a long trace; what this one misses is a change in the middle that keeps both the
 * size and the time of change.
 */
export async function cacheKey(path: string, layout: TraceLayout, skipBad: boolean): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path, 'r')
  try {
    const { size, mtimeNs } = await file.stat({ bigint: true })
    hash.update(
      JSON.stringify({ version: CACHE_VERSION, size: String(size), mtimeNs: String(mtimeNs), layout, skipBad }),
    )
    const length = Math.min(END_BYTES, Number(size))
    const buffer = Buffer.alloc(length)
    for (const at of [0, Number(size) - length]) {
      const { bytesRead } = await file.read(buffer, 0, length, at)
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
  return hash.digest('hex').slice(0, 32)
}

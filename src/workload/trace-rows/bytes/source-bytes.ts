import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { errorCode, errorText, LayerlineError } from '../../../base/errors.ts'
import { unzstd } from '../../../base/unzstd.ts'

const READ_BYTES = 1 << 20
const ZSTD_READ_BYTES = 1 << 16

export type Packing = 'none' | 'gzip' | 'zstd'

/** How a file is packed, by its first bytes and never by its name. */
export async function packingOf(path: string): Promise<Packing> {
  const file = await openFile(path)
  try {
    const head = Buffer.alloc(4)
    const { bytesRead } = await file.read(head, 0, 4, 0)
    if (bytesRead >= 2 && head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
    const magic = bytesRead === 4 ? head.readUInt32LE() : 0
    // The second is a frame to be skipped, which some tools write first.
    return magic === 0xfd2fb528 || magic >>> 4 === 0x184d2a5 ? 'zstd' : 'none'
  } finally {
    await file.close()
  }
}

/**
 * A file's bytes, unpacked, a piece at a time; a piece holds until the next is asked for. `onRead` hears how many bytes
 * of the file itself were read. A packed file that is cut off or damaged is an error `input/trace-packed`.
 */
export async function* sourceBytes(
  path: string,
  packing: Packing,
  onRead: (bytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  if (packing === 'none') {
    yield* plainBytes(path, onRead)
    return
  }
  try {
    yield* packing === 'gzip' ? gunzipped(path, onRead) : unzstdFile(path, onRead)
  } catch (cause) {
    if (cause instanceof LayerlineError || errorCode(cause) === 'ENOENT' || errorCode(cause) === 'EACCES') throw cause
    const isCut = /unexpected end|unexpected EOF/i.test(errorText(cause))
    const what = isCut ? 'the file is cut off' : errorText(cause)
    throw new LayerlineError('input/trace-packed', `${path}: cannot unpack it as ${packing}: ${what}`, {
      hint: isCut ? 'fetch it again, whole' : 'unpack it with another tool and give the plain file',
      cause,
    })
  }
}

async function* plainBytes(path: string, onRead: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const file = await openFile(path)
  try {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null)
      if (bytesRead === 0) return
      onRead(bytesRead)
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

async function* gunzipped(path: string, onRead: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const packed = createReadStream(path, { highWaterMark: READ_BYTES / 4 })
  packed.on('data', (chunk) => onRead(chunk.length))
  const gunzip = createGunzip({ chunkSize: READ_BYTES / 4 })
  packed.on('error', (error) => gunzip.destroy(error))
  packed.pipe(gunzip)
  try {
    for await (const chunk of gunzip) yield chunk as Buffer
  } finally {
    packed.destroy()
    gunzip.destroy()
  }
}

async function* unzstdFile(path: string, onRead: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  yield* unzstd(read())
  async function* read(): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(path, { highWaterMark: ZSTD_READ_BYTES })) {
      onRead((chunk as Buffer).length)
      yield chunk as Buffer
    }
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    const code = errorCode(cause)
    const what = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'not readable' : errorText(cause)
    throw new LayerlineError('input/trace-missing', `${path}: ${what}; expected a trace of arrivals`, { cause })
  }
}

/** The last bytes of a file, at most `length`, and where they begin. */
export async function tailBytes(path: string, length: number): Promise<{ bytes: Buffer; at: number }> {
  const file = await openFile(path)
  try {
    const { size } = await file.stat()
    const at = Math.max(0, size - length)
    const bytes = Buffer.alloc(size - at)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, at)
    return { bytes: bytes.subarray(0, bytesRead), at }
  } finally {
    await file.close()
  }
}

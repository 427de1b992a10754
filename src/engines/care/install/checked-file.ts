import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LayerlineError } from '../../../base/errors.ts'
import { makeFolder } from './cache.ts'

/** Digest of a file, streamed. */
export async function fileDigest(path: string, algorithm: 'sha256' | 'sha512'): Promise<Buffer> {
  const hash = createHash(algorithm)
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer)
  return hash.digest()
}

/** Deletes a file that does not have the pinned checksum and throws missing/checksum with both sums. */
export function refuseFile(path: string, expected: string, found: string): never {
  rmSync(path, { force: true })
  throw new LayerlineError('missing/checksum', `${path} has the checksum ${found}; expected ${expected}.`, {
    hint: 'It was deleted; try again. If it persists, a proxy or mirror changes the files.',
  })
}

/** A stamp says that the files beside it are complete; `content` names exactly which. */
export function writeStamp(path: string, content: string): void {
  makeFolder(dirname(path))
  writeFileSync(path, content)
}

export function hasStamp(path: string, content: string): boolean {
  return existsSync(path) && readFileSync(path, 'utf8') === content
}

/** Bytes of a file, 0 where there is none. */
export function fileBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** Bytes of all files below a folder; files that vanish meanwhile do not count. */
export function folderBytes(folder: string): number {
  if (!existsSync(folder)) return 0
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}

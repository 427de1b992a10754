import { statfsSync } from 'node:fs'
import { LayerlineError } from '../../../base/errors.ts'

/** Bytes that this user may still write to a folder's disk. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** Throws missing/disk if a folder's disk has less room than an install takes. */
export function checkDisk(folder: string, neededBytes: number, what: string): void {
  const free = freeBytes(folder)
  if (free >= neededBytes) return
  throw new LayerlineError(
    'missing/disk',
    `${what} needs ${megabytes(neededBytes)} while it is installed; ${folder} has ${megabytes(free)} free.`,
    { hint: 'Free some space, or set LAYERLINE_CACHE to a folder on another disk.' },
  )
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1e6)} MB`
}

import { closeSync, existsSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { removeAtExit } from '../base/at-exit.ts'
import { errorCode, errorText, LayerlineError } from '../base/errors.ts'
import { createFresh } from '../base/fresh-file.ts'
import { makeFolder } from '../store/run-folder.ts'

/** Refuses to overwrite existing files. */
export function refuseExisting(path: string): void {
  if (existsSync(path)) {
    throw new LayerlineError('input/out-exists', `--out ${path}: exists already; expected a file to be made`, {
      hint: 'nothing is overwritten: name another file, or remove that one',
    })
  }
}

/** Makes a folder for files to be written in; an existing one is used. */
export function outFolder(path: string): void {
  try {
    makeFolder(resolve(path))
  } catch (error) {
    throw unwritable(path, error)
  }
}

/** A file written piece by piece: it has its name only once it is whole. */
export class OutFile {
  private readonly path: string
  private readonly fd: number
  private readonly keep: () => void

  constructor(path: string) {
    refuseExisting(path)
    this.path = path
    outFolder(dirname(path))
    try {
      this.fd = createFresh(`${path}.tmp`)
      this.keep = removeAtExit(`${path}.tmp`)
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at)
    } catch (error) {
      throw unwritable(this.path, error)
    }
  }

  done(): void {
    closeSync(this.fd)
    renameSync(`${this.path}.tmp`, this.path)
    this.keep()
  }

  abandon(): void {
    closeSync(this.fd)
    rmSync(`${this.path}.tmp`, { force: true })
    this.keep()
  }
}

function unwritable(path: string, error: unknown): LayerlineError {
  if (errorCode(error) === 'ENOSPC') {
    return new LayerlineError('missing/disk-space', `--out ${path}: no space left on the disk`, {
      hint: 'free some space, or name a file on another disk',
      cause: error,
    })
  }
  return new LayerlineError('input/out-unwritable', `--out ${path}: cannot be written: ${errorText(error)}`, {
    hint: 'name a path that you may write to',
    cause: error,
  })
}

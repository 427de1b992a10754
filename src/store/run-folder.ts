import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCode, errorText, LayerlineError } from '../base/errors.ts'
import { refuseForeign } from '../base/foreign-file.ts'
import { createFresh } from '../base/fresh-file.ts'
import { scratchFolder } from '../base/scratch-folder.ts'
import { FileTooLarge, readSmallFile } from '../base/small-file.ts'
import { compactStamp } from '../base/time.ts'
import { parseRunJson, type RunJson } from '../trace/run-json.ts'
import { withoutKnownSecrets } from './run-secrets.ts'
import { storageError } from './storage-error.ts'

/** A run that starts with less than this cannot be expected to end well. */
const MIN_FREE_BYTES = 64 * 2 ** 20
/** The kernel's limit on the path of a Unix socket, with its final NUL. */
const MAX_SOCKET_PATH = 107

/** The live database of one recording process. Throws where DuckDB would put its log elsewhere. */
export function liveFile(folder: string, shard: number): string {
  if (folder.includes('?')) {
    throw new LayerlineError(
      'input/run-path',
      `${folder}: a run cannot be recorded or recovered below a folder with "?" in its name`,
      {
        hint: 'the live database takes what follows "?" for options: use another path; a sealed run may lie anywhere',
      },
    )
  }
  return join(folder, `live-${shard}.duckdb`)
}

export function runJsonFile(folder: string): string {
  return join(folder, 'run.json')
}

/**
 * Makes the folder of a new run: `out` as it is, else `<parent>/<stamp>-<command>-<4 hex>`. Problems that would stop
 * the run later are errors now: a folder that exists, one that cannot be written, a full disk.
 */
export function createRunFolder(command: string, out: string | undefined, parent = 'runs'): string {
  const folder = resolve(
    out ?? join(parent, `${compactStamp(new Date())}-${command}-${randomBytes(2).toString('hex')}`),
  )
  liveFile(folder, 0)
  if (existsSync(folder)) throw outExists(folder)
  try {
    makeFolder(dirname(folder))
    // Made by this process or not at all: of two that start at once, one gets it.
    mkdirSync(folder)
    closeSync(openSync(join(folder, '.probe'), 'w'))
    unlinkSync(join(folder, '.probe'))
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST') throw outExists(folder)
    const why =
      code === 'ENOSPC'
        ? 'no space left on the disk'
        : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
          ? 'not writable'
          : errorText(error)
    throw new LayerlineError('input/out-unwritable', `${folder}: cannot make the run's folder: ${why}`, {
      hint: 'name a folder that you may write to with --out',
      cause: error,
    })
  }
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize < MIN_FREE_BYTES) {
    rmdirSync(folder)
    throw new LayerlineError(
      'missing/disk-space',
      `${folder}: only ${Math.round((bavail * bsize) / 2 ** 20)} MiB free on its disk`,
      {
        hint: 'free some space, or name a folder on another disk with --out',
      },
    )
  }
  return folder
}

function outExists(folder: string): LayerlineError {
  return new LayerlineError('input/out-exists', `--out ${folder}: exists already; expected a folder to be made`, {
    hint: 'a run is never overwritten: name another folder, or remove that one',
  })
}

/** As `mkdir -p`; Node's own spins for ever where a folder may hold no folders, as in /proc. */
export function makeFolder(folder: string): void {
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder))
  try {
    mkdirSync(folder)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

export function runIdOf(folder: string): string {
  return basename(folder)
}

/**
 * Where a recorder of this run listens: in its folder, or, if that path is too long for a socket, in a temporary folder
 * of its own. Null if that is too long as well: the run is then recorded without a socket.
 */
export function socketPath(folder: string, shard: number): string | null {
  const inFolder = socketInFolder(folder, shard)
  if (inFolder !== null) return inFolder
  // Its last letters differ, its length does not.
  if (
    Buffer.byteLength(join(tmpdir(), 'layerline-recorder-4026531836-4194304-9007199254740992-abcdef', 's')) >
    MAX_SOCKET_PATH
  )
    return null
  try {
    return join(scratchFolder('recorder'), 's')
  } catch {
    return null
  }
}

/** Where a worker of this run listens; null where that path is too long for a socket. */
export function socketInFolder(folder: string, shard: number): string | null {
  const path = join(folder, `recorder-${shard}.sock`)
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH ? path : null
}

/** Writes a file so that a reader sees either the old or the new one, complete, even after a power cut. */
export function writeFileAtomic(path: string, text: string): void {
  const tmp = `${path}.tmp`
  const fd = createFresh(tmp)
  try {
    // Continues after a short write, as on a disk that is nearly full; writeSync does not.
    writeFileSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(tmp, path)
  fsyncFolder(dirname(path))
}

/** Flushes a finished file to the disk. */
export function syncFile(path: string): void {
  const fd = openSync(path, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

export function fsyncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Throws the error of `storageError`. */
export function writeRunJson(folder: string, run: RunJson): void {
  try {
    writeFileAtomic(runJsonFile(folder), `${JSON.stringify(withoutKnownSecrets(run), null, 2)}\n`)
  } catch (cause) {
    throw storageError(folder, cause)
  }
}

/** A resumed run lists the requests that were offered before: some MB of a long one. */
const MOST_RUN_JSON_BYTES = 64 * 2 ** 20

/** Reads run.json; throws a clear error if the folder is not a run or does not exist. */
export function readRunJson(folder: string): RunJson {
  const path = runJsonFile(folder)
  let bytes: Buffer
  try {
    bytes = readSmallFile(path, MOST_RUN_JSON_BYTES)
  } catch (cause) {
    if (cause instanceof FileTooLarge)
      throw new LayerlineError('input/run-json', `${path}: ${cause.message}`, { cause })
    const what = !existsSync(folder) ? 'no such folder' : 'no run.json in it; this is not a Layerline run'
    throw new LayerlineError('input/run', `${folder}: ${what}`, {
      hint: runsIn(folder) ?? 'expected the folder that a command printed as its run',
      cause,
    })
  }
  refuseForeign(path, bytes, 'input/run-json', "a run's run.json")
  return parseRunJson(bytes.toString('utf8'), path)
}

/** What to do with a folder that holds runs, as a plan's does; null where it holds none. */
function runsIn(folder: string): string | null {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return null
  const runs = readdirSync(folder).filter((name) => existsSync(runJsonFile(join(folder, name))))
  const more = runs.length > 5 ? ` and ${runs.length - 5} more` : ''
  return runs.length === 0 ? null : `it holds runs; name one of them: ${runs.slice(0, 5).join(', ')}${more}`
}

import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { isSameProcessAlive, processStart } from '../../base/process-identity.ts'
import { scratchFolder } from '../../base/scratch-folder.ts'
import { makeFolder } from '../../store/run-folder.ts'
import type { RowShape, RowSource } from '../trace-rows/row-batch.ts'
import { readCacheMeta } from './cache-meta.ts'
import { CachedTrace } from './cached-trace.ts'
import { type IngestOptions, ingest, publish } from './ingest.ts'

/** The cache `key` in `cacheDir`, made of `source` if it is not there. `wasThere` says which. */
export async function openCache(
  source: RowSource,
  path: string,
  shape: RowShape,
  cacheDir: string,
  key: string,
  options: IngestOptions,
): Promise<{ trace: CachedTrace; wasThere: boolean }> {
  const place = join(resolve(cacheDir), key)
  const there = readCacheMeta(place)
  if (there !== null) return { trace: new CachedTrace(place, there, shape), wasThere: true }
  const making = `${place}.${process.pid}-${processStart(process.pid)}-${randomBytes(4).toString('hex')}.tmp`
  try {
    makeFolder(resolve(cacheDir))
    await removeLeftovers(resolve(cacheDir))
    makeFolder(making)
    const meta = await ingest(source, path, shape, making, options)
    await publish(making, place)
    return { trace: new CachedTrace(place, meta, shape), wasThere: false }
  } catch (error) {
    // Where the folder cannot be, this fails too, and says less.
    await rm(making, { recursive: true, force: true }).catch(() => {})
    throw unwritable(error, cacheDir)
  }
}

/** Listeners that only clean up. */
const CLEANERS = new WeakSet<(...args: never[]) => void>()
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A sorted copy of a trace that lies in the system's folder for temporary files until it is closed. */
export async function sortedCopy(
  source: RowSource,
  path: string,
  shape: RowShape,
  options: IngestOptions,
): Promise<{ trace: CachedTrace; close: () => Promise<void> }> {
  let folder: string | null = null
  // The database's threads may still be putting files there: what is not empty yet is tried again.
  const atExit = () =>
    folder !== null && rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
  process.once('exit', atExit)
  // Without a listener a signal ends the process with no `exit`; where others listen, they decide.
  const atSignal = (signal: NodeJS.Signals) => {
    if (process.listeners(signal).some((listener) => !CLEANERS.has(listener))) return
    atExit()
    leaveSignals()
    process.kill(process.pid, signal)
  }
  const leaveSignals = () => {
    for (const signal of SIGNALS) process.removeListener(signal, atSignal)
  }
  CLEANERS.add(atSignal)
  for (const signal of SIGNALS) process.on(signal, atSignal)
  const close = async () => {
    process.removeListener('exit', atExit)
    leaveSignals()
    if (folder !== null) await rm(folder, { recursive: true, force: true })
  }
  try {
    // Last, and without a pass of the event loop between: no signal finds it without a handler that removes it.
    folder = scratchFolder('trace')
    const meta = await ingest(source, path, shape, folder, options)
    return { trace: new CachedTrace(folder, meta, shape), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Half-made caches of processes that are gone. */
async function removeLeftovers(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const [, pid, start] = /^[0-9a-f]{32}\.(\d+)-(\d*)-[0-9a-f]+\.tmp$/.exec(name) ?? []
    if (pid === undefined || isSameProcessAlive(Number(pid), start ?? '')) continue
    await rm(join(cacheDir, name), { recursive: true, force: true })
  }
}

function unwritable(error: unknown, cacheDir: string): unknown {
  const code = (error as NodeJS.ErrnoException)?.code
  if (code !== 'EACCES' && code !== 'EROFS' && code !== 'ENOTDIR' && code !== 'EEXIST' && code !== 'ENOENT')
    return error
  return new LayerlineError('input/cache-dir', `--cache-dir ${cacheDir}: cannot write there: ${errorText(error)}`, {
    hint: 'name a folder that you may write to; without --cache-dir nothing is kept',
    cause: error,
  })
}

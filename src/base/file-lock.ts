import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from './errors.ts'
import { isSameProcessAlive, processStart } from './process-identity.ts'

export interface FileLock {
  release(): void
}

/**
 * Takes a lock that other processes see, or returns null while a living process has it. The lock of a dead process is
 * taken over.
 */
export function tryFileLock(path: string): FileLock | null {
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  writeFileSync(mine, `${process.pid} ${processStart(process.pid)}`)
  try {
    const holder = readText(path)
    if (holder !== '' && !alive(holder)) takeOver(path, holder, mine)
    if (!claim(mine, path)) return null
    removeDeadClaims(path)
    return { release: () => rmSync(path, { force: true }) }
  } finally {
    rmSync(mine, { force: true })
  }
}

/** Runs `work` while no other process holds the lock; `onWait` is called once if another process has it. */
export async function withFileLock<T>(path: string, work: () => Promise<T>, onWait: () => void = () => {}): Promise<T> {
  let lock = tryFileLock(path)
  if (lock === null) onWait()
  while (lock === null) {
    await sleep(200)
    lock = tryFileLock(path)
  }
  try {
    return await work()
  } finally {
    lock.release()
  }
}

/** A hard link either appears whole, with our name in it, or not at all. */
function claim(mine: string, lock: string): boolean {
  try {
    linkSync(mine, lock)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

function takeOver(lock: string, holder: string, mine: string): void {
  const aside = `${mine}.stale`
  try {
    renameSync(lock, aside)
  } catch {
    return
  }
  // Another process may have been quicker, and this is its fresh lock: restore it.
  if (readText(aside) !== holder && !existsSync(lock)) linkSync(aside, lock)
  unlinkSync(aside)
}

/** Left-overs of processes that were killed while they waited. */
function removeDeadClaims(lock: string): void {
  const folder = dirname(lock)
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (name.startsWith(`${basename(lock)}.`) && !alive(readText(path))) rmSync(path, { force: true })
  }
}

function alive(holder: string): boolean {
  const [pid, start] = holder.split(' ')
  return isSameProcessAlive(Number(pid), start ?? '')
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { errorCode, errorText, LayerlineError } from '../../base/errors.ts'
import { isSameProcessAlive, processStart } from '../../base/process-identity.ts'
import type { RunJson } from '../../trace/run-json.ts'
import { refuseLinks } from '../refuse-links.ts'
import { readRunJson, writeRunJson } from '../run-folder.ts'
import { type SealProgress, sealRun } from './seal.ts'

/**
 * Seals what a crash left open; on a sealed run it only removes left-overs. Refuses a run that is still being recorded.
 */
export async function recoverRun(
  folderAsGiven: string,
  onProgress?: (progress: SealProgress) => void,
): Promise<{ run: RunJson; wasOpen: boolean }> {
  const folder = resolve(folderAsGiven)
  const run = readRunJson(folder)
  if (run.state === 'sealed') return { run: await sealRun(folder), wasOpen: false }
  refuseLinks(folder)
  const alive = run.shards.find(({ pid, pid_start }) => isSameProcessAlive(pid, pid_start))
  if (alive !== undefined && alive.pid !== process.pid) {
    throw new LayerlineError('input/still-recording', `${folder}: still recording, pid ${alive.pid}`, {
      hint: 'Ctrl-C there seals the run; `recover` is for a recorder that died',
    })
  }
  const unlock = lockRecovery(folder)
  try {
    return await recoverLocked(folder, onProgress)
  } finally {
    unlock()
  }
}

async function recoverLocked(
  folder: string,
  onProgress?: (progress: SealProgress) => void,
): Promise<{ run: RunJson; wasOpen: boolean }> {
  // Read again: another recovery may have ended meanwhile.
  const run = readRunJson(folder)
  if (run.state === 'sealed') return { run, wasOpen: false }
  writeRunJson(folder, { ...run, state: 'interrupted' })
  return { run: await sealRun(folder, (now) => ({ ...now, ended_by: 'crash' }), onProgress), wasOpen: true }
}

/** One recovery of a folder at a time; a lock whose holder is gone is taken over. */
function lockRecovery(folder: string): () => void {
  const path = join(folder, 'recover.lock')
  const mine = JSON.stringify([process.pid, processStart(process.pid)])
  for (;;) {
    try {
      writeFileSync(path, mine, { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (cause) {
      if (errorCode(cause) !== 'EEXIST') {
        throw new LayerlineError('input/run-unwritable', `${folder}: cannot be recovered: ${errorText(cause)}`, {
          hint: 'recover writes into the folder: make it writable, with room on its disk',
          cause,
        })
      }
      const [pid, start] = holderOf(path)
      if (isSameProcessAlive(pid, start)) {
        throw new LayerlineError('input/still-recovering', `${folder}: is being recovered by pid ${pid}`, { cause })
      }
      rmSync(path, { force: true })
    }
  }
}

function holderOf(path: string): [pid: number, start: string] {
  try {
    const [pid, start] = JSON.parse(readFileSync(path, 'utf8')) as [number, string]
    return [Number(pid), String(start)]
  } catch {
    return [2 ** 30, 'unknown']
  }
}

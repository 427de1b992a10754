import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { LayerlineError } from '../../../base/errors.ts'
import { parseGpuTarget, type SshTarget } from '../gpu-target.ts'
import { sshArguments } from './ssh-connection.ts'
import { sshError, sshMissing, sshName } from './ssh-errors.ts'

/** A folder of another machine. */
export interface SshFolder {
  readonly target: SshTarget
  readonly path: string
}

/** What ssh is told where the address does not say. */
export type SshSettings = Parameters<typeof parseGpuTarget>[2]

const KEPT_WORDS = 4096
/** What ssh itself ends with; all else is the script's. */
const SSH_FAILED = 255

/** `ssh://[user@]host[:port]/path`; null for what is no such address. Throws `usage/ssh-folder`; `place` is where it stands. */
export function parseSshFolder(text: string, place: string, ssh: SshSettings): SshFolder | null {
  if (!text.startsWith('ssh:')) return null
  const match = /^(ssh:\/\/[^/]+)(\/.+)$/.exec(text)
  if (match === null) {
    throw new LayerlineError('usage/ssh-folder', `${place} ${text}: expected ssh://[user@]host[:port]/path`)
  }
  const target = parseGpuTarget(match[1] ?? '', place, ssh)
  if (target.kind !== 'ssh') throw new LayerlineError('usage/ssh-folder', `${place} ${text}: expected ssh://host/path`)
  return { target, path: match[2] ?? '' }
}

/**
 * Has a POSIX shell there read a script; its standard output goes to `out`. With `until`, the script's own standard input
 * stays open until that is aborted. Throws the error of what ssh or it said.
 */
export async function runOverSsh(target: SshTarget, script: string, out: Writable, until?: AbortSignal): Promise<void> {
  const child = spawn('ssh', sshArguments(target), { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT_WORDS)
  })
  child.stdin.on('error', () => undefined)
  if (until === undefined || until.aborted) child.stdin.end(script)
  else {
    child.stdin.write(script)
    until.addEventListener('abort', () => child.stdin.end(), { once: true })
  }
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => reject(sshMissing(cause)))
    child.once('close', resolve)
  })
  const [code] = await Promise.all([closed, pipeline(child.stdout, out)]).catch((error: unknown) => {
    child.kill()
    throw error
  })
  if (code === 0) return
  if (code === SSH_FAILED || code === null) throw sshError(said, target, code)
  throw new LayerlineError('input/ssh-folder', `ssh://${sshName(target)}: ${said.trim().split('\n').at(-1) ?? ''}`, {
    hint: 'is the path right, and may this user read it?',
  })
}

import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { type ChildEnd, childEnd, copied, endChild, LATE, type Late, within } from '../../base/bounded-wait.ts'
import { LayerlineError } from '../../base/errors.ts'
import { spawnGroup } from '../../base/tool.ts'
import { sshArguments } from './ssh-connection.ts'
import { sshError, sshMissing, sshName } from './ssh-errors.ts'
import { parseSshTarget, type SshSettings, type SshTarget } from './ssh-target.ts'

/** A folder of another machine. */
export interface SshFolder {
  readonly target: SshTarget
  readonly path: string
}

const KEPT_WORDS = 4096
/** ssh itself notices a dead connection after 15 s, and gives up connecting after 10; a big file is read before its first byte comes. */
const SILENT_MS = 60_000
/** What is followed may be silent as long as it likes: its connection is kept alive by ssh. */
const FOLLOW_MS = 2 ** 31 - 1
const CLOSE_MS = 1_500
/** What ssh itself ends with; all else is the script's. */
const SSH_FAILED = 255

/**
 * `ssh://[user@]host[:port]/path`; null if it is no such address. Throws `usage/ssh-folder`; `place` is where it was
 * given.
 */
export function parseSshFolder(text: string, place: string, ssh: SshSettings): SshFolder | null {
  if (!text.startsWith('ssh:')) return null
  const match = /^(ssh:\/\/[^/]+)(\/.+)$/.exec(text)
  if (match === null) {
    throw new LayerlineError('usage/ssh-folder', `${place} ${text}: expected ssh://[user@]host[:port]/path`)
  }
  const wrong = (why: string) => new LayerlineError('usage/ssh-folder', `${place} ${text}: ${why}`)
  return { target: parseSshTarget(match[1] ?? '', ssh, wrong), path: match[2] ?? '' }
}

/**
 * Runs a script in a POSIX shell there; its standard output goes to `out`. A script without output is given up. With
 * `until`, the script's own standard input stays open until that is aborted, however long it prints nothing. Throws the
 * error of ssh or the script.
 */
export async function runOverSsh(target: SshTarget, script: string, out: Writable, until?: AbortSignal): Promise<void> {
  const child = spawnGroup('ssh', sshArguments(target), { stdio: ['pipe', 'pipe', 'pipe'] })
  const { stdin, stdout, stderr } = child as ChildProcessByStdio<Writable, Readable, Readable>
  let said = ''
  stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT_WORDS)
  })
  stdin.on('error', () => undefined)
  const end = childEnd(child, { endedBy: 'the end of what is copied, which is bounded, or `until`' }, 'leave')
  const follows = until !== undefined && !until.aborted
  if (follows) stdin.write(script)
  else stdin.end(script)
  const onUntil = (): void => {
    stdin.end()
    // Nothing waits for the rest of a connection that does not close.
    void within(end, CLOSE_MS).then(async (closed) => {
      if (closed === LATE) await endChild(child, { patienceMs: CLOSE_MS, group: true })
    })
  }
  if (follows) until.addEventListener('abort', onUntil, { once: true })
  let closed: ChildEnd | Late
  try {
    const copying = copied(stdout, out, follows ? FOLLOW_MS : SILENT_MS)
    if ((await copying) === LATE) throw silent(target)
    closed = await within(end, SILENT_MS)
    if (closed === LATE) throw silent(target)
    if (closed.error !== null) throw sshMissing(closed.error)
  } catch (error) {
    await endChild(child, { patienceMs: CLOSE_MS, group: true })
    const { error: failed } = (await endOrNone(end)) ?? { error: null }
    throw failed === null ? error : sshMissing(failed)
  } finally {
    until?.removeEventListener('abort', onUntil)
  }
  const { code } = closed
  if (code === 0 || (follows && until.aborted)) return
  if (code === SSH_FAILED || code === null) throw sshError(said, target, code)
  throw new LayerlineError('input/ssh-folder', `ssh://${sshName(target)}: ${said.trim().split('\n').at(-1) ?? ''}`, {
    hint: 'is the path right, and may this user read it?',
  })
}

async function endOrNone(end: Promise<ChildEnd | Late>): Promise<ChildEnd | null> {
  const ended = await within(end, CLOSE_MS)
  return ended === LATE ? null : ended
}

function silent(target: SshTarget): LayerlineError {
  const where = `ssh://${sshName(target)}`
  return new LayerlineError('unreachable/ssh-silent', `${where}: nothing came for ${SILENT_MS / 1000} s`, {
    hint: 'see whether a shell there reads commands, and whether the folder is on a disk that answers',
  })
}

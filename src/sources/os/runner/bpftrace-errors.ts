import { accessSync, constants, readFileSync } from 'node:fs'
import { errorCode, LayerlineError } from '../../../base/errors.ts'
import { firstLine } from '../../../base/tool.ts'

const TRACEFS = ['/sys/kernel/tracing/events', '/sys/kernel/debug/tracing/events']
const CONTAINER =
  'run it as root; in a container also with --privileged (or CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON) and --pid=host'

/** Whether the kernel's trace points can be read here. */
export function hasTracefs(): boolean {
  return tracefs() === 'readable'
}

function readable(folder: string): void {
  accessSync(folder, constants.R_OK)
}

/** Whether they exist: `closed` if this user may not look. */
export function tracefs(look: (folder: string) => void = readable): 'readable' | 'closed' | 'absent' {
  let state: 'closed' | 'absent' = 'absent'
  for (const folder of TRACEFS) {
    try {
      look(folder)
      return 'readable'
    } catch (error) {
      if (errorCode(error) === 'EACCES' || errorCode(error) === 'EPERM') state = 'closed'
    }
  }
  return state
}

/** Why nothing could be attached: there was no output, so the same is expected of every other script. */
export const SILENT = 'missing/bpftrace-silent'
const LOCKDOWN = "turn Secure Boot off, or leave the kernel's view to /proc (--os auto does)"
const SECURITY = '/sys/kernel/security/lockdown'

/** How far the kernel is locked down: `integrity`, `confidentiality`; null where it is not, or does not tell. */
export function kernelLockdown(path = SECURITY): string | null {
  try {
    const mode = /\[(\w+)\]/.exec(readFileSync(path, 'utf8'))?.[1] ?? 'none'
    return mode === 'none' ? null : mode
  } catch {
    return null
  }
}

/** A bpftrace that was not ready in time, and was ended. */
export function silentBpftrace(ms: number, stderr: string): LayerlineError {
  const said = firstLine(stderr)
  const what = said === null ? 'it printed nothing' : `its first line: ${said}`
  return new LayerlineError(SILENT, `bpftrace was not ready within ${ms / 1000} s and was ended; ${what}`, {
    hint: "does `bpftrace -e 'BEGIN { exit() }'` end by itself here? Without it the kernel's view is read from /proc",
  })
}

/** The meaning of bpftrace's messages, and what to do, one line each. */
export function bpftraceError(
  stderr: string,
  how: string,
  lockdown = kernelLockdown(),
  isRoot = process.getuid?.() === 0,
): LayerlineError {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/RLIMIT_MEMLOCK/.test(line))
  const missing = (message: string, hint: string): LayerlineError =>
    new LayerlineError('missing/bpftrace', message, { hint })
  if (/only supports running as the root user/.test(stderr)) return missing('bpftrace works for root alone', CONTAINER)
  const locked = lines.find((line) => /lockdown/i.test(line))
  if (locked !== undefined) return missing(`bpftrace: ${locked.replace(/^.*ERROR:\s*/, '').trim()}`, LOCKDOWN)
  if (/(create|creating) map.*(Operation not permitted|Permission denied)|Operation not permitted/i.test(stderr)) {
    if (lockdown !== null)
      return missing(`the kernel refuses bpftrace: it is in lockdown (${lockdown})`, `${LOCKDOWN}; ${CONTAINER}`)
    const asRoot = isRoot ? `; as root already: is the kernel in lockdown (cat ${SECURITY})? Then ${LOCKDOWN}` : ''
    return missing('the kernel refuses bpftrace: Operation not permitted', `${CONTAINER}${asRoot}`)
  }
  const tracepoint = /tracepoint not found: (\S+)/i.exec(stderr)?.[1]
  if (tracepoint !== undefined) {
    return hasTracefs()
      ? missing(`this kernel has no trace point ${tracepoint}`, 'leave these probes out with --probes')
      : noTracefs()
  }
  const said = lines.find((line) => /ERROR/.test(line)) ?? lines[0] ?? how
  return missing(
    `bpftrace: ${said.replace(/^.*ERROR:\s*/, '').trim()}`,
    'layerline os list says which probes work here',
  )
}

export function noTracefs(state = tracefs()): LayerlineError {
  if (state === 'closed')
    return new LayerlineError(
      'missing/tracefs-rights',
      "the kernel's trace points cannot be read by this user: EACCES",
      {
        hint: CONTAINER,
      },
    )
  return new LayerlineError('missing/tracefs', "the kernel's trace points cannot be read: tracefs is not mounted", {
    hint: 'as root: mount -t tracefs nodev /sys/kernel/tracing (in a container: -v /sys/kernel/tracing:/sys/kernel/tracing)',
  })
}

export function noBpftrace(cause: unknown): LayerlineError {
  return new LayerlineError('missing/bpftrace', 'bpftrace is not installed', {
    hint: 'Debian and Ubuntu: apt-get install bpftrace; Fedora: dnf install bpftrace',
    cause,
  })
}

import { accessSync, constants } from 'node:fs'
import { LayerlineError } from '../../../base/errors.ts'

const TRACEFS = ['/sys/kernel/tracing/events', '/sys/kernel/debug/tracing/events']
const CONTAINER =
  'run it as root; in a container also with --privileged (or CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON) and --pid=host'

/** Whether the kernel's trace points can be read here. */
export function hasTracefs(): boolean {
  return TRACEFS.some((folder) => {
    try {
      accessSync(folder, constants.R_OK)
      return true
    } catch {
      return false
    }
  })
}

/** What bpftrace's own words mean, and what to do, in a line each. */
export function bpftraceError(stderr: string, how: string): LayerlineError {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/RLIMIT_MEMLOCK/.test(line))
  const missing = (message: string, hint: string): LayerlineError =>
    new LayerlineError('missing/bpftrace', message, { hint })
  if (/only supports running as the root user/.test(stderr)) return missing('bpftrace works for root alone', CONTAINER)
  if (/(create|creating) map.*(Operation not permitted|Permission denied)|Operation not permitted/i.test(stderr)) {
    return missing('the kernel refuses bpftrace: Operation not permitted', CONTAINER)
  }
  const tracepoint = /tracepoint not found: (\S+)/i.exec(stderr)?.[1]
  if (tracepoint !== undefined) {
    return hasTracefs()
      ? missing(`this kernel has no trace point ${tracepoint}`, 'leave these probes out with --probes')
      : noTracefs()
  }
  const said = lines.find((line) => /ERROR/.test(line)) ?? lines.at(-1) ?? how
  return missing(
    `bpftrace: ${said.replace(/^.*ERROR:\s*/, '').trim()}`,
    'layerline os list says which probes work here',
  )
}

export function noTracefs(): LayerlineError {
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

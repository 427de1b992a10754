import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LayerlineError } from '../../base/errors.ts'
import type { OsTarget } from '../../sources/os/os-messages.ts'
import { cgroupProcesses } from '../../sources/os/rows/processes.ts'

export interface TargetOptions {
  readonly pid: number | undefined
  readonly cgroup: string | undefined
  readonly comm: string | undefined
  readonly system: boolean
}

/** Where cgroups are found by a name that is no path. */
const CGROUP_ROOTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/pids', '/sys/fs/cgroup/cpu']

/** The one target that was named, with its processes as they are now. Throws where there is none, or none of that name. */
export function osTarget(options: TargetOptions): { target: OsTarget; pids: readonly number[] } {
  const named = [options.pid !== undefined, options.cgroup !== undefined, options.comm !== undefined, options.system]
  if (named.filter(Boolean).length !== 1) {
    throw new LayerlineError('usage/arguments', 'os attach: expected one of --pid, --cgroup, --comm and --system', {
      hint: 'layerline os attach --pid 1234',
    })
  }
  if (options.system) return { target: { kind: 'system' }, pids: [] }
  if (options.cgroup !== undefined) return cgroupTarget(options.cgroup)
  const pids = options.pid !== undefined ? existing(options.pid) : processesNamed(options.comm ?? '')
  return { target: { kind: 'processes', pids }, pids }
}

function existing(pid: number): number[] {
  if (existsSync(`/proc/${pid}`)) return [pid]
  throw new LayerlineError('input/pid', `--pid ${pid}: there is no such process`)
}

function processesNamed(comm: string): number[] {
  const pids = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => nameOf(pid) === comm)
    .map(Number)
  if (pids.length > 0) return pids
  throw new LayerlineError('input/comm', `--comm ${comm}: no process has this name now`, {
    hint: 'expected the name as `ps -e -o comm` shows it, at most 15 characters',
  })
}

function nameOf(pid: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd()
  } catch {
    return null
  }
}

/** A cgroup of version 2 without others inside is known to the probes; of others, the processes that are in them. */
function cgroupTarget(given: string): { target: OsTarget; pids: readonly number[] } {
  const folder = [given, ...CGROUP_ROOTS.map((root) => join(root, given))].find((path) =>
    existsSync(join(path, 'cgroup.procs')),
  )
  if (folder === undefined) {
    throw new LayerlineError('input/cgroup', `--cgroup ${given}: there is no cgroup.procs in it`, {
      hint: "expected a cgroup's folder, or its path below /sys/fs/cgroup",
    })
  }
  const pids = cgroupProcesses(folder)
  const isVersion2 = existsSync(join(folder, 'cgroup.controllers'))
  const hasOthers = readdirSync(folder, { withFileTypes: true }).some((entry) => entry.isDirectory())
  return { target: isVersion2 && !hasOthers ? { kind: 'cgroup', path: folder } : { kind: 'processes', pids }, pids }
}

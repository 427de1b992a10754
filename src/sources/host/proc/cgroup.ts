import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseNamedNumber } from './proc-text.ts'

/** A process's cgroup for one controller: its folder, then its parents' as far as they are visible. */
export interface CgroupPlace {
  version: 1 | 2
  folders: string[]
}

/**
 * Where a controller's files for a process are, from the texts of /proc/PID/cgroup and /proc/PID/mountinfo. Version 1
 * wins where both are mounted: a controller is in one hierarchy only. Null where it is in none that is mounted here.
 */
export function cgroupPlace(cgroupText: string, mountinfoText: string, controller: string): CgroupPlace | null {
  const lines = cgroupText
    .split('\n')
    .map((line) => /^(\d+):([^:]*):(.*)$/.exec(line))
    .filter((match) => match !== null)
  const mounts = cgroupMounts(mountinfoText)
  const place = (version: 1 | 2, path: string | undefined): CgroupPlace | null => {
    const mount = mounts.find(
      (each) => each.version === version && (version === 2 || each.options.includes(controller)),
    )
    if (mount === undefined || path === undefined) return null
    // In a container the mount may show a subtree as its root, or the path may be the host's and lie outside of it.
    const inside = mount.root !== '/' && `${path}/`.startsWith(`${mount.root}/`) ? path.slice(mount.root.length) : path
    const parts = inside.split('/').filter((part) => part !== '' && part !== '..')
    const folders = parts.map((_, i) => join(mount.point, ...parts.slice(0, parts.length - i)))
    return { version, folders: [...folders, mount.point] }
  }
  const first = lines.find((match) => match[2]?.split(',').includes(controller))
  return place(1, first?.[3]) ?? place(2, lines.find((match) => match[1] === '0' && match[2] === '')?.[3])
}

function cgroupMounts(text: string): { version: 1 | 2; root: string; point: string; options: string[] }[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [type, , options = ''] = after.split(' ')
    if (type !== 'cgroup' && type !== 'cgroup2') return []
    const [, , , root = '/', point = ''] = before.split(' ').map(unescapeMount)
    return [{ version: type === 'cgroup' ? (1 as const) : (2 as const), root, point, options: options.split(',') }]
  })
}

/** Blanks in paths are octal there: `\040`. */
function unescapeMount(text: string): string {
  return text.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** Time that a quota held the cgroup's processes back, from its cpu.stat; null where it has no such count. */
export function parseThrottledNs(cpuStat: string): number | null {
  const usec = parseNamedNumber(cpuStat, 'throttled_usec')
  return usec === null ? parseNamedNumber(cpuStat, 'throttled_time') : usec * 1000
}

/** CPUs that a quota allows; null for no limit. */
export function parseCpuLimit(version: 1 | 2, read: (file: string) => string | null): number | null {
  const [quota, period] =
    version === 2
      ? (read('cpu.max') ?? 'max').trim().split(' ')
      : [read('cpu.cfs_quota_us')?.trim(), read('cpu.cfs_period_us')?.trim()]
  const cores = Number(quota) / Number(period)
  return Number.isFinite(cores) && cores > 0 ? cores : null
}

/** Bytes of memory that are allowed; null for no limit (version 1 writes a number near 2^63 then). */
export function parseMemoryLimit(version: 1 | 2, read: (file: string) => string | null): number | null {
  const text = read(version === 2 ? 'memory.max' : 'memory.limit_in_bytes')
  const bytes = text === null || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(bytes) && bytes < 2 ** 62 ? bytes : null
}

/** The limits in force for a process: the least along its cgroup and its parents. */
export function cgroupLimits(
  pid: number | 'self' = 'self',
  proc = '/proc',
): { cpu_cores: number | null; memory_bytes: number | null } {
  const least = (
    controller: 'cpu' | 'memory',
    parse: (version: 1 | 2, read: (file: string) => string | null) => number | null,
  ): number | null => {
    const place = cgroupPlaceOf(pid, controller, proc)
    const limits = (place?.folders ?? []).map((folder) =>
      parse(place?.version ?? 2, (file) => readOrNull(join(folder, file))),
    )
    const set = limits.filter((limit) => limit !== null)
    return set.length === 0 ? null : Math.min(...set)
  }
  return { cpu_cores: least('cpu', parseCpuLimit), memory_bytes: least('memory', parseMemoryLimit) }
}

export function cgroupPlaceOf(pid: number | 'self', controller: string, proc = '/proc'): CgroupPlace | null {
  const cgroup = readOrNull(join(proc, String(pid), 'cgroup'))
  const mountinfo = readOrNull(join(proc, 'self', 'mountinfo'))
  return cgroup === null || mountinfo === null ? null : cgroupPlace(cgroup, mountinfo, controller)
}

/** The names in a folder; none where it cannot be read. */
export function namesOrNone(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

export function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

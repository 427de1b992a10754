import { join } from 'node:path'
import { cgroupPlaceOf, readOrNull } from '../../../sources/host/proc/cgroup.ts'
import { parseNamedNumber } from '../../../sources/host/proc/proc-text.ts'

/** How often the kernel has killed for want of memory: within a limit of our cgroup, and on the whole host. */
export type OomKills = { readonly [scope in OomScope]: number | null }

/** Whose memory ran out. */
export type OomScope = 'cgroup' | 'host'

/** Null where the kernel does not count. A worker lives in the cgroup of this process. */
export function oomKills(proc = '/proc'): OomKills {
  const place = cgroupPlaceOf('self', 'memory', proc)
  const counts = (place?.folders ?? []).flatMap((folder) => {
    const text = readOrNull(join(folder, place?.version === 1 ? 'memory.oom_control' : 'memory.events'))
    const kills = text === null ? null : parseNamedNumber(text, 'oom_kill')
    return kills === null ? [] : [kills]
  })
  const vmstat = readOrNull(join(proc, 'vmstat'))
  return {
    cgroup: counts.length === 0 ? null : Math.max(...counts),
    host: vmstat === null ? null : parseNamedNumber(vmstat, 'oom_kill'),
  }
}

/** Which limit's memory ran out since; null if no process was killed for it, or nothing counts such kills. */
export function oomSince(before: OomKills, now: OomKills = oomKills()): OomScope | null {
  const rose = (kind: OomScope) => (now[kind] ?? 0) > (before[kind] ?? now[kind] ?? 0)
  // The host's count has the cgroups' kills in it.
  return rose('cgroup') ? 'cgroup' : rose('host') ? 'host' : null
}

import type { HostProvenance } from '../../trace/run-json.ts'
import type { RemoteRaplZone } from '../host/remote-host.ts'
import type { RemoteFacts } from './ssh-connection.ts'

/** What a host says of itself, for run.json. */
export function remoteProvenance({ parts, said }: RemoteFacts, driver: string | null): HostProvenance {
  const kilobytes = /(\d+) kB/.exec(parts.memory ?? '')?.[1]
  const governor = parts.governor?.trim() ?? ''
  return {
    name: said.host ?? 'remote',
    kernel: said.kernel ?? null,
    cpu: /:\s*(.+)/.exec(parts.cpu ?? '')?.[1]?.trim() ?? null,
    cores: Number.parseInt(parts.cores ?? '', 10) || 0,
    memory_bytes: kilobytes === undefined ? 0 : Number(kilobytes) * 1024,
    governor: /^\w+$/.test(governor) ? governor : null,
    cgroup: { cpu_cores: null, memory_bytes: null },
    driver,
  }
}

/** Lines `PATH NAME RANGE`, as the describing script lists what may be read. */
export function remoteRapl(text: string): RemoteRaplZone[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(\S+\/([^/\s]+)\/energy_uj) (\S+) (\d*)$/.exec(line.trim())
    if (match === null) return []
    const [, path = '', zone = '', name = '', range] = match
    return [{ path, name: `${name} ${zone}`, rangeUj: range === '' ? Number.NaN : Number(range) }]
  })
}

/** The least of some numbers, one per line: a parent, where its children share its socket. */
export function leastNumber(text: string): number | null {
  const numbers = (text.match(/\d+/g) ?? []).map(Number)
  return numbers.length === 0 ? null : Math.min(...numbers)
}

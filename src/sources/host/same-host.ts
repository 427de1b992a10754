import { lookup } from 'node:dns/promises'
import { readdirSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { readOrNull } from './proc/cgroup.ts'
import { parseProcessStat } from './proc/proc-text.ts'
import { canonicalAddress, parseTcpTable } from './proc/tcp-table.ts'
import { socketInodes } from './samples/client-samples.ts'
import { processName } from './samples/process-samples.ts'

export interface Listener {
  /** Null: unknown, for example because a local address has no visible listener, or a tunnel listens. */
  sameHost: boolean | null
  /** Who listens; null where that cannot be read. */
  pid: number | null
  command: string | null
}

/** Programs that listen here for a server that is elsewhere. */
const TUNNELS: ReadonlySet<string> = new Set(['ssh', 'sshd', 'autossh', 'kubectl', 'socat', 'cloudflared'])
const ANY = new Set(['0.0.0.0', canonicalAddress('::')])

/** Whether the server at `host` (a name, or an address, in brackets or not) and `port` runs on this same host. */
export async function findListener(host: string, port: number, proc = '/proc'): Promise<Listener> {
  const unknown = { sameHost: null, pid: null, command: null }
  const found = await lookup(host.replace(/^\[|\]$/g, ''), { all: true }).catch(() => [])
  if (found.length === 0) return unknown
  const addresses = new Set(found.map(({ address }) => canonicalAddress(address)).filter(isOwnAddress))
  if (addresses.size === 0) return { sameHost: false, pid: null, command: null }
  const sockets = ['tcp', 'tcp6']
    .flatMap((name) => parseTcpTable(readOrNull(join(proc, 'self', 'net', name)) ?? ''))
    .filter((socket) => socket.listening && socket.localPort === port)
    .filter((socket) => ANY.has(socket.localAddress) || addresses.has(socket.localAddress))
  if (sockets.length === 0) return unknown
  const pid = holderOf(new Set(sockets.map((socket) => socket.inode)), proc)
  if (pid === null) return { sameHost: true, pid, command: null }
  const stat = parseProcessStat(readOrNull(join(proc, String(pid), 'stat')) ?? '')
  const command = processName(proc, pid, stat?.comm ?? '') || null
  return { sameHost: command !== null && TUNNELS.has(command) ? null : true, pid, command }
}

function isOwnAddress(address: string): boolean {
  if (address.startsWith('127.') || address === canonicalAddress('::1')) return true
  return Object.values(networkInterfaces())
    .flat()
    .some((each) => each !== undefined && canonicalAddress(each.address) === address)
}

/** The process with the least pid that holds one of these sockets: a parent, where its children share it. */
function holderOf(inodes: ReadonlySet<string>, proc: string): number | null {
  const pids = readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
  for (const pid of pids) {
    for (const inode of socketInodes(proc, pid)) if (inodes.has(inode)) return pid
  }
  return null
}

import { LayerlineError } from '../../base/errors.ts'

export interface SshTarget {
  kind: 'ssh'
  host: string
  user: string | null
  port: number | null
  /** A private key file, beside what the user's own configuration names. */
  keyPath: string | null
  /** Read in place of the user's own ssh configuration. */
  configPath: string | null
}

/** Where GPU samples come from. */
export type GpuTarget =
  | { kind: 'none' }
  | { kind: 'auto' }
  | { kind: 'local' }
  | SshTarget
  | { kind: 'dcgm'; url: string }

const EXPECTED = 'expected auto, none, local, ssh://[user@]host[:port] or dcgm:URL'
/** What ssh itself takes for a name; nothing that it could take for an option. */
const NAME = /^[A-Za-z0-9_][\w.@%-]*$/

/** Parses the value of `--gpu`. `place` is where it stands, for the error `usage/gpu`. */
export function parseGpuTarget(
  text: string,
  place = '--gpu',
  ssh: { user?: string | undefined; keyPath?: string | undefined; configPath?: string | undefined } = {},
): GpuTarget {
  const wrong = (why: string): LayerlineError => new LayerlineError('usage/gpu', `${place} ${text}: ${why}`)
  if (text === 'auto' || text === 'none' || text === 'local') return { kind: text }
  if (text.startsWith('dcgm:')) {
    const given = text.slice('dcgm:'.length)
    const url = metricsUrl(given)
    if (url === null) throw wrong('expected dcgm:http://host:9400/metrics')
    return { kind: 'dcgm', url }
  }
  const match = /^ssh:\/\/(?:([^@/]*)@)?(\[[^\]/]+\]|[^:/@]+)(?::([^/]*))?\/?$/.exec(text)
  if (match === null) throw wrong(EXPECTED)
  const [, user, bracketed = '', port] = match
  const host = bracketed.replace(/^\[(.*)\]$/, '$1')
  if (user?.includes(':')) throw wrong('a password does not belong here; ssh asks your agent or a key file')
  if (user !== undefined && !NAME.test(user)) throw wrong(`${user} is no user name`)
  if (!NAME.test(host) && !/^[0-9A-Fa-f:.]+(%\w+)?$/.test(host)) throw wrong(`${host} is no host name`)
  const number = port === undefined ? null : Number(port)
  if (number !== null && !(/^\d+$/.test(port ?? '') && number > 0 && number < 65536)) throw wrong(`${port} is no port`)
  return {
    kind: 'ssh',
    host,
    user: user ?? ssh.user ?? null,
    port: number,
    keyPath: ssh.keyPath ?? null,
    configPath: ssh.configPath ?? null,
  }
}

/** The URL of a page of metrics: a base means its /metrics. Null where it is no http URL. */
export function metricsUrl(text: string): string | null {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return null
  const url = new URL(text)
  if (url.pathname === '/' || url.pathname === '') url.pathname = '/metrics'
  return url.href
}

/** A host to be reached by ssh. */
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

/** The options of ssh that the address does not set. */
export interface SshSettings {
  readonly user?: string | undefined
  readonly keyPath?: string | undefined
  readonly configPath?: string | undefined
}

export const SSH_FORM = 'ssh://[user@]host[:port]'
/** What ssh itself takes for a name; nothing that it could take for an option. */
const NAME = /^[A-Za-z0-9_][\w.@%-]*$/

/** Parses `ssh://[user@]host[:port]`; throws what `wrong` makes of the reason why it is none. */
export function parseSshTarget(text: string, ssh: SshSettings, wrong: (why: string) => Error): SshTarget {
  const match = /^ssh:\/\/(?:([^@/]*)@)?(\[[^\]/]+\]|[^:/@]+)(?::([^/]*))?\/?$/.exec(text)
  if (match === null) throw wrong(`expected ${SSH_FORM}`)
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

import { errorCode, LayerlineError } from '../../base/errors.ts'
import type { SshTarget } from './ssh-target.ts'

interface SshFailure {
  pattern: RegExp
  code: `${'missing' | 'input' | 'unreachable'}/${string}`
  sentence: string
  /** `USER@HOST` stands for the target. */
  hint: string
}

/** What ssh says, in our words; the first that fits, so the more telling come first. */
export const SSH_FAILURES: readonly SshFailure[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'unreachable/ssh-host-key',
    sentence: 'the host shows another key than the one known for it',
    hint: 'if the host was reinstalled, ask its administrator for the new key and remove the old one with `ssh-keygen -R`; otherwise the connection may be intercepted',
  },
  {
    pattern: /Host key verification failed|No .* host key is known/,
    code: 'unreachable/ssh-host-key',
    sentence: 'the host is not known yet, and ssh cannot ask for confirmation',
    hint: 'connect once by hand, compare the key that it shows, and accept it: ssh USER@HOST',
  },
  {
    pattern: /UNPROTECTED PRIVATE KEY FILE|bad permissions/i,
    code: 'input/ssh-key',
    sentence: 'ssh refuses the private key file, because others may read it',
    hint: 'chmod 600 the key file',
  },
  {
    pattern: /Identity file .* not accessible/,
    code: 'input/ssh-key',
    sentence: 'the private key file is not there or cannot be read',
    hint: 'name the right file with --ssh-key, or SURF_KEY_PATH in .env',
  },
  {
    pattern: /Load key .*: (error in libcrypto|invalid format|incorrect passphrase)/i,
    code: 'input/ssh-key',
    sentence: 'the private key file is none that ssh can read without a question',
    hint: 'name the private key, not the .pub; if it has a passphrase, add it to your agent: ssh-add KEYFILE',
  },
  {
    pattern: /Too many authentication failures/,
    code: 'unreachable/ssh-denied',
    sentence: 'the host gave up after too many keys',
    hint: 'name the one key with --ssh-key, and IdentitiesOnly yes in ~/.ssh/config',
  },
  {
    pattern: /Permission denied|Authentication failed/i,
    code: 'unreachable/ssh-denied',
    sentence: 'the host does not let this user in',
    hint: 'see whether `ssh -o BatchMode=yes USER@HOST true` works; name a key with --ssh-key, or add it to your agent: ssh-add',
  },
  {
    pattern: /Could not resolve hostname/i,
    code: 'unreachable/ssh-name',
    sentence: 'no address is known for that name',
    hint: 'look at the spelling; a short name may need a Host entry in ~/.ssh/config',
  },
  {
    pattern: /Connection refused/i,
    code: 'unreachable/ssh-refused',
    sentence: 'nothing answers at that port',
    hint: 'is sshd running there, and is it the right port? it goes behind the host: ssh://user@host:PORT',
  },
  {
    pattern: /during banner exchange|kex_exchange_identification|Connection closed by .* port/i,
    code: 'unreachable/ssh-no-banner',
    sentence: 'something listens there and does not speak as an ssh server, or drops new connections',
    hint: 'is it the right port? a busy server may drop connections (MaxStartups): try again',
  },
  {
    pattern: /timed out|Timeout, server .* not responding|No route to host|Network is unreachable/i,
    code: 'unreachable/ssh-timeout',
    sentence: 'the host does not answer',
    hint: 'is it on, and reachable from here? a jump host goes into ~/.ssh/config: ProxyJump',
  },
  {
    pattern: /closed by remote host|Connection reset|Broken pipe|Connection to .* closed|client_loop/i,
    code: 'unreachable/ssh-dropped',
    sentence: 'the connection was closed by the other side',
    hint: 'see the log of sshd there',
  },
  {
    pattern: /Bad owner or permissions on|Bad configuration option|terminating, .* bad configuration/i,
    code: 'input/ssh-config',
    sentence: 'ssh does not accept its configuration file',
    hint: 'fix it as the message of ssh says',
  },
  {
    pattern: /not found|not available|No such file/i,
    code: 'missing/remote-shell',
    sentence: 'the host gives this user no shell',
    hint: 'Layerline runs `sh` there: the account must be allowed to',
  },
]

/**
 * A host may reboot during a run, or a name may be unresolvable for a while; keys and permissions do not come back by
 * themselves.
 */
export function mayPass(error: LayerlineError): boolean {
  return (
    error.code.startsWith('unreachable/') &&
    !['unreachable/ssh-host-key', 'unreachable/ssh-denied'].includes(error.code)
  )
}

/** `user@host` as given. */
export function sshName(target: Pick<SshTarget, 'user' | 'host'>): string {
  return target.user === null ? target.host : `${target.user}@${target.host}`
}

/** The error for what ssh printed before it ended, with ssh's own words at the end. */
export function sshError(said: string, target: SshTarget, exitCode: number | null): LayerlineError {
  const name = `ssh://${sshName(target)}${target.port === null ? '' : `:${target.port}`}`
  const failure = SSH_FAILURES.find(({ pattern }) => pattern.test(said))
  if (failure === undefined) {
    const words = said.trim().split('\n').at(-1) ?? ''
    const ended = exitCode === null ? 'ssh was ended' : `ssh ended with ${exitCode}`
    return new LayerlineError('unreachable/ssh', `${name}: ${ended}${words === '' ? '' : `: ${words}`}`, {
      hint: `see whether \`ssh ${sshName(target)} true\` works`,
    })
  }
  const line = said.split('\n').find((each) => failure.pattern.test(each))
  const words = line?.replaceAll(/^@+|@+$/g, '').trim() ?? ''
  return new LayerlineError(failure.code, `${name}: ${failure.sentence} (${words})`, {
    hint: failure.hint.replaceAll('USER@HOST', sshName(target)),
  })
}

/** The error where ssh itself could not be started. */
export function sshMissing(cause: unknown): LayerlineError {
  const absent = errorCode(cause) === 'ENOENT'
  return new LayerlineError('missing/ssh', absent ? 'no ssh on this machine' : 'ssh cannot be started', {
    hint: 'install the OpenSSH client (Debian: apt-get install openssh-client)',
    cause,
  })
}

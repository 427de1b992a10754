import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { TEST_MARKER } from './processes.ts'
import { tempFolder } from './temp-folder.ts'

const SSHD = ['/usr/sbin/sshd', '/usr/bin/sshd'].find((path) => existsSync(path)) ?? null

/** Why there can be no sshd here, or null. */
export const noSshd: string | null =
  SSHD === null || spawnSync('ssh', ['-V']).status !== 0 ? 'no OpenSSH server and client: scripts/setup-system' : null

export interface TestSshd {
  port: number
  user: string
  folder: string
  /** ssh's configuration for a client that knows the host and has a key. */
  configPath: string
  /** Ends the sessions that are open; the server stays. */
  killSessions(): void
  stop(): Promise<void>
}

/** A real sshd on the loopback with keys and configuration of its own; `env` is what sessions get. */
export async function startSshd(env: Readonly<Record<string, string>>): Promise<TestSshd> {
  if (SSHD === null) throw new Error(noSshd ?? 'no sshd')
  const folder = tempFolder()
  const at = (name: string): string => join(folder, name)
  for (const name of ['host_key', 'user_key']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)])
  }
  const port = await freePort()
  // As root it insists on this folder, which a boot would have made.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  // What a session starts is known as this test's, too.
  const mark = { [TEST_MARKER]: process.env[TEST_MARKER] ?? '' }
  const settings = Object.entries({ ...env, ...mark }).map(([name, value]) => `"${name}=${value}"`)
  writeFileSync(
    at('sshd_config'),
    `Port ${port}
ListenAddress 127.0.0.1
HostKey ${at('host_key')}
PidFile none
AuthorizedKeysFile ${at('user_key.pub')}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 50
SetEnv ${settings.join(' ')}
`,
  )
  const hostKey = readFileSync(at('host_key.pub'), 'utf8').split(' ').slice(0, 2).join(' ')
  writeFileSync(at('known_hosts'), `[127.0.0.1]:${port} ${hostKey}\n`)
  writeFileSync(at('ssh_config'), clientConfig(at('known_hosts'), at('user_key')))
  const server = spawn(SSHD, ['-D', '-e', '-f', at('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  server.stderr.on('data', (text: Buffer) => {
    said = `${said}${text}`.slice(-4000)
  })
  if (!(await listens(port, server))) throw new Error(`sshd did not start: ${said}`)
  return {
    port,
    user: userInfo().username,
    folder,
    configPath: at('ssh_config'),
    killSessions: () => {
      for (const pid of children(server.pid ?? 0)) process.kill(pid, 'SIGKILL')
    },
    async stop() {
      for (const pid of children(server.pid ?? 0)) process.kill(pid, 'SIGKILL')
      const gone = new Promise((resolve) => server.once('exit', resolve))
      if (server.exitCode === null && server.kill()) await gone
    },
  }
}

/** A client's configuration: no question, no key but the one named. */
export function clientConfig(knownHosts: string, key: string): string {
  return `UserKnownHostsFile ${knownHosts}
GlobalKnownHostsFile /dev/null
IdentityFile ${key}
IdentitiesOnly yes
IdentityAgent none
`
}

/** A PATH for sessions: folders to put first, then Node's and the system's. */
export function sessionPath(...first: string[]): string {
  return [...first, dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':')
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function listens(port: number, server: ChildProcess): Promise<boolean> {
  for (let i = 0; i < 200 && server.exitCode === null; i++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return true
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return false
}

function children(pid: number): number[] {
  return spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
    .stdout.split('\n')
    .map((line) => Number(line.trim()))
    .filter((each) => each > 0)
}

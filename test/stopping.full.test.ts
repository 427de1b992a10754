import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type RunJson, runJsonSchema } from '../src/trace/run-json.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { cleanEnv, LAYERLINE, startLayerline, until } from './support/cli.ts'
import { missingProgram, needs } from './support/needs.ts'
import { sessionPath } from './support/sshd.ts'
import { tempFolder } from './support/temp-folder.ts'

// What these programs would wait for lasts longer than a test may: where they end, they did not wait for it.
vi.setConfig({ testTimeout: 180_000 })

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { itl_ms: 20 } })
})
afterAll(() => server?.stop())

const endlessLoad = (...more: string[]) =>
  ['load', '--concurrency', '2', '--requests', '2', '--input-tokens', '8', '--output-tokens', '100000'].concat(
    ['--log-every', '60', '--url', server.url, '--out', 'run'],
    more,
  )

const runOf = (folder: string): RunJson =>
  runJsonSchema.parse(JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8')))

async function tokensCome(check: () => Promise<void> = async () => {}): Promise<void> {
  await until(async () => {
    await check()
    const streams = Object.values((await server.truth()).requests)
    return streams.length === 2 && streams.every(({ tokens }) => tokens > 3)
  })
}

/**
 * An ssh that runs here what it should run there. Once there is a file `gone`, it connects no more, waits for ten minutes
 * and heeds no request to end, as one whose far end has vanished. It notes its pids.
 */
function stubbornSsh(folder: string): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const at = (name: string) => join(folder, name)
  writeFileSync(
    join(bin, 'ssh'),
    `#!/bin/sh
if [ -e '${at('gone')}' ]; then
  trap '' TERM HUP INT
  echo $$ > '${at('again')}'
  while :; do sleep 600; done
fi
echo $$ >> '${at('pids')}'
exec sh
`,
  )
  chmodSync(join(bin, 'ssh'), 0o755)
  return sessionPath(bin, join(import.meta.dirname, 'fake-nvidia-smi'))
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a stop does not wait for an ssh that connects again, and leaves none', async () => {
  const folder = tempFolder()
  await server.clearTruth()
  const cli = startLayerline(folder, endlessLoad('--gpu', 'ssh://gpu.example'), { env: { PATH: stubbornSsh(folder) } })
  await tokensCome()
  writeFileSync(join(folder, 'gone'), '')
  // Each leads a group of its own, in which the sampler is too.
  for (const pid of readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number)) {
    if (isAlive(pid)) process.kill(-pid, 'SIGKILL')
  }
  await until(() => {
    if (cli.child.exitCode !== null) throw new Error(`ended early: ${cli.stderr()}`)
    return existsSync(join(folder, 'again'))
  })
  process.kill(cli.pid, 'SIGINT')
  const { code, stderr } = await cli.ended
  expect(code, stderr).toBe(130)
  expect(runOf(folder)).toMatchObject({ state: 'sealed', ended_by: 'signal' })
  expect(isAlive(Number(readFileSync(join(folder, 'again'), 'utf8')))).toBe(false)
})

/** Runs a program in a terminal of its own, whose other end it closes on command; then prints how that ended. */
const IN_TERMINAL = `
import json, os, pty, select, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
shown = b''
while True:
    ready, _, _ = select.select([0, fd], [], [])
    if fd in ready:
        try:
            shown = (shown + os.read(fd, 65536))[-4000:]
        except OSError:
            break
    if 0 in ready:
        break
os.close(fd)
_, status = os.waitpid(pid, 0)
print(json.dumps({'code': os.waitstatus_to_exitcode(status), 'shown': shown.decode('utf8', 'replace')}))
`

describe('a terminal that is closed', () => {
  needs(missingProgram('python3'))

  test.for([['the dashboard'], ['nothing', '--quiet']])('that shows %s: the run is sealed', async ([, ...more]) => {
    const folder = tempFolder()
    await server.clearTruth()
    const args = ['-c', IN_TERMINAL, LAYERLINE, ...endlessLoad('--gpu', 'none', ...more)]
    const terminal = spawn('python3', args, {
      cwd: folder,
      env: cleanEnv({ TERM: 'xterm' }),
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    onTestFinished(() => void terminal.stdin.end())
    const printed = text(terminal.stdout)
    await tokensCome(async () => {
      if (terminal.exitCode !== null) throw new Error(`ended early: ${await printed}`)
    })
    terminal.stdin.end('close\n')
    const { code, shown } = JSON.parse(await printed) as { code: number; shown: string }
    expect(code, shown).toBe(130)
    const run = runOf(folder)
    expect(run).toMatchObject({ state: 'sealed', ended_by: 'signal' })
    expect(run.layers.chunks?.rows).toBeGreaterThan(6)
    expect(run.verdict.length).toBeGreaterThan(0)
  })
})

/** CPU time of a process, in the kernel's ticks of 10 ms. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return Number(fields[11]) + Number(fields[12])
}

describe('Ctrl-C while sql computes', () => {
  // 10^13 products: hours.
  const LONG = 'SELECT sum((a.range * b.range) % 7) FROM range(10000000) a, range(1000000) b'

  async function interrupted(folder: string): Promise<void> {
    const scratch = tempFolder()
    const sql = startLayerline(folder, ['sql', 'run', LONG], { env: { TMPDIR: scratch } })
    // More than its start takes: it computes.
    await until(() => {
      if (sql.child.exitCode !== null) throw new Error(`ended early: ${sql.stderr()}`)
      return cpuTicks(sql.pid) > 600
    })
    process.kill(sql.pid, 'SIGINT')
    const { code, stdout, stderr } = await sql.ended
    expect({ code, stdout }, stderr).toEqual({ code: 130, stdout: '' })
    expect(stderr).not.toMatch(/internal/)
    expect(readdirSync(scratch)).toEqual([])
  }

  test('ends it, of a live run, which goes on, and of the sealed one', async () => {
    const folder = tempFolder()
    await server.clearTruth()
    const cli = startLayerline(folder, endlessLoad('--gpu', 'none'))
    await tokensCome()
    await interrupted(folder)
    expect({ state: runOf(folder).state, exit: cli.child.exitCode }).toEqual({ state: 'recording', exit: null })
    process.kill(cli.pid, 'SIGINT')
    expect((await cli.ended).code).toBe(130)
    expect(runOf(folder).state).toBe('sealed')
    await interrupted(folder)
  })
})

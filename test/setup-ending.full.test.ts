import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { CHECKOUT, cleanEnv, until } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

// npm sleeps for ten minutes here: what ends before did not wait for it.
vi.setConfig({ testTimeout: 60_000 })

/** A checkout whose first use calls an npm that never ends, heeds no request to, and starts another program. */
function checkout(): { folder: string; env: NodeJS.ProcessEnv } {
  const folder = tempFolder()
  cpSync(join(CHECKOUT, 'scripts'), join(folder, 'scripts'), { recursive: true })
  // Without sources it would be a package, which needs no setup.
  mkdirSync(join(folder, 'src'))
  for (const name of ['package.json', 'package-lock.json']) {
    cpSync(join(CHECKOUT, name), join(folder, name))
  }
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const npm = `#!/bin/sh\ntrap '' TERM INT HUP\nsleep 600 &\necho $! > '${folder}/sleeps'\necho $$ > '${folder}/runs'\nwait\n`
  writeFileSync(join(bin, 'npm'), npm)
  chmodSync(join(bin, 'npm'), 0o755)
  return { folder, env: cleanEnv({ PATH: [bin, dirname(process.execPath), '/usr/bin', '/bin'].join(':') }) }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function started(folder: string, env: NodeJS.ProcessEnv): Promise<{ setup: ChildProcess; pids: number[] }> {
  const setup = spawn(process.execPath, ['scripts/setup.mjs'], { cwd: folder, env, detached: true, stdio: 'ignore' })
  onTestFinished(() => {
    setup.kill('SIGKILL')
  })
  await until(() => existsSync(join(folder, 'runs')) && readFileSync(join(folder, 'runs'), 'utf8').endsWith('\n'))
  const pids = ['runs', 'sleeps'].map((name) => Number(readFileSync(join(folder, name), 'utf8')))
  expect(pids.every(isAlive)).toBe(true)
  return { setup, pids }
}

test.for([
  ['Ctrl-C, which the whole group of the terminal gets', 'SIGINT', true],
  ['SIGTERM, which the setup alone gets', 'SIGTERM', false],
  ['SIGKILL of the setup alone', 'SIGKILL', false],
] as const)('%s ends the first installation, and leaves no process and no lock', async ([, signal, group]) => {
  const { folder, env } = checkout()
  const { setup, pids } = await started(folder, env)
  const pid = setup.pid as number
  const exit = once(setup, 'exit')
  process.kill(group ? -pid : pid, signal)
  const [code, by] = await exit
  expect(code === 0 && by === null).toBe(false)
  await until(() => !pids.some(isAlive) && !existsSync(join(folder, '.setup-lock')))
  expect(readdirSync(folder)).not.toContain('dist.new')
})

test('an npm that fails ends the setup with 4, and no lock is left', async () => {
  const { folder, env } = checkout()
  writeFileSync(join(folder, 'bin', 'npm'), '#!/bin/sh\nexit 7\n')
  const setup = spawn(process.execPath, ['scripts/setup.mjs'], { cwd: folder, env, stdio: 'ignore' })
  expect((await once(setup, 'exit'))[0]).toBe(4)
  expect(existsSync(join(folder, '.setup-lock'))).toBe(false)
})

test('a program that does not end is ended at its limit, with all that it started', async () => {
  const { folder, env } = checkout()
  const run = spawn(process.execPath, ['scripts/supervised.mjs', '1', 'npm'], {
    cwd: folder,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said = text(run.stderr)
  const [code] = await once(run, 'exit')
  expect({ code, said: await said }).toEqual({ code: 124, said: expect.stringContaining('1 s') })
  const pids = ['runs', 'sleeps'].map((name) => Number(readFileSync(join(folder, name), 'utf8')))
  await until(() => !pids.some(isAlive))
})

test.for([
  [0, ['true']],
  [3, ['sh', '-c', 'exit 3']],
  [127, ['no-such-program']],
] as const)('otherwise the status is its own: %i', async ([status, command]) => {
  const run = spawn(process.execPath, [join(CHECKOUT, 'scripts/supervised.mjs'), '60', ...command], { stdio: 'ignore' })
  expect((await once(run, 'exit'))[0]).toBe(status)
})

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { pythonPath, useBpftrace } from './support/bpftrace.ts'
import { LAYERLINE, type RunningCli, sqlRows, startLayerline } from './support/cli.ts'
import { missingProgram } from './support/needs.ts'
import { tempFolder } from './support/temp-folder.ts'
import { startTmux } from './support/tmux.ts'

/** Takes a name, and opens a file as often as each line of its input says, and spins for 200 ms. */
const OPENER = `
import os, subprocess, sys, time
open('/proc/self/comm', 'w').write(sys.argv[1])
print('ready', flush=True)
for line in sys.stdin:
    for _ in range(int(line)): os.close(os.open('/etc/hosts', os.O_RDONLY))
    end = time.process_time() + 0.2
    while time.process_time() < end: pass
    print('done', flush=True)
`

interface Opener {
  readonly pid: number
  readonly comm: string
  open(n: number): Promise<void>
  end(): Promise<void>
}

async function opener(comm: string): Promise<Opener> {
  const child: ChildProcess = spawn(pythonPath(), ['-c', OPENER, comm], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
  }
  onTestFinished(end)
  const { stdin, stdout } = child as ChildProcess & { stdin: NodeJS.WritableStream; stdout: NodeJS.ReadableStream }
  await once(stdout, 'data')
  return {
    pid: child.pid as number,
    comm,
    end,
    async open(n) {
      const answer = once(stdout, 'data')
      stdin.write(`${n}\n`)
      await answer
    },
  }
}

/** Resolves when the probes are attached. */
async function attached(folder: string, target: readonly string[]): Promise<RunningCli> {
  const args = ['os', 'attach', ...target, '--probes', 'load', '--metrics-port', '0', '--out', 'run', '--json']
  const run = startLayerline(folder, args)
  await run.prints('stderr', /metrics: http\S+/)
  return run
}

/** Ends it, and returns how often each process opened a file, among the reported ones. */
async function openings(run: RunningCli): Promise<(pid: number) => number | undefined> {
  process.kill(run.pid, 'SIGINT')
  const { code, stdout, stderr } = await run.ended
  expect(code, stderr).toBe(0)
  const { counts } = JSON.parse(stdout) as { counts: { name: string; pid: number; value: number }[] }
  return (pid) => counts.find((each) => each.name === 'openat_calls' && each.pid === pid)?.value
}

function cgroupIn(root: string): string {
  const folder = join(root, `layerline-test-${process.pid}`)
  mkdirSync(folder)
  onTestFinished(() => rmdirSync(folder))
  return folder
}

const VERSION_2 = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((root) =>
  existsSync(join(root, 'cgroup.controllers')),
)
const VERSION_1 = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup/cpu'].find((root) => existsSync(join(root, 'cgroup.procs')))

describe('os attach, with the real bpftrace', () => {
  useBpftrace()

  it('--cgroup of version 2: who is in it, also who comes later, and nobody else', async (context) => {
    if (VERSION_2 === undefined) return context.skip('cgroups of version 2 are not mounted: the kernel does it at boot')
    const cgroup = cgroupIn(VERSION_2)
    const [inside, later, outside] = [await opener('inside'), await opener('later'), await opener('outside')]
    writeFileSync(join(cgroup, 'cgroup.procs'), String(inside.pid))
    const run = await attached(tempFolder(), ['--cgroup', cgroup])
    writeFileSync(join(cgroup, 'cgroup.procs'), String(later.pid))
    for (const each of [inside, later, outside]) await each.open(40)
    const of = await openings(run)
    expect([inside, later, outside].map(({ pid }) => of(pid))).toEqual([40, 40, undefined])
    for (const each of [inside, later]) await each.end()
  })

  it('--cgroup of version 1: the processes that are in it', async (context) => {
    if (VERSION_1 === undefined) return context.skip('cgroups of version 1 are not mounted: the kernel does it at boot')
    const cgroup = cgroupIn(VERSION_1)
    const [inside, outside] = [await opener('inside'), await opener('outside')]
    writeFileSync(join(cgroup, 'cgroup.procs'), String(inside.pid))
    const run = await attached(tempFolder(), ['--cgroup', cgroup])
    for (const each of [inside, outside]) await each.open(30)
    const of = await openings(run)
    expect([inside, outside].map(({ pid }) => of(pid))).toEqual([30, undefined])
    await inside.end()
  })

  it('--comm: every process of that name, and no other', async () => {
    const name = 'layerline-known'
    const [one, two, other] = [await opener(name), await opener(name), await opener('layerline-knowx')]
    const folder = tempFolder()
    const run = await attached(folder, ['--comm', name])
    await one.open(25)
    await two.open(35)
    await other.open(45)
    const of = await openings(run)
    expect([one, two, other].map(({ pid }) => of(pid))).toEqual([25, 35, undefined])
    const rows = await sqlRows(
      folder,
      'run',
      "SELECT t.thread, sum(c.value)::INT AS n FROM counters c JOIN tracks t USING (track_id) WHERE t.name = 'openat_calls' GROUP BY t.thread ORDER BY n",
    )
    expect(rows).toEqual([
      { thread: `${one.pid} ${name}`, n: 25 },
      { thread: `${two.pid} ${name}`, n: 35 },
    ])
  })

  it('--system: processes that have nothing to do with each other', async () => {
    const early = await opener('early')
    const run = await attached(tempFolder(), ['--system'])
    const late = await opener('late')
    await early.open(20)
    await late.open(30)
    const of = await openings(run)
    expect(of(early.pid)).toBe(20)
    // Python itself has opened files since it began.
    expect(of(late.pid)).toBeGreaterThan(30)
  })

  it('--live: a table every --log-every seconds where there is no terminal', async () => {
    const target = await opener('target')
    const run = startLayerline(tempFolder(), [
      ...['os', 'attach', '--pid', String(target.pid), '--probes', 'load,sched', '--live', '--log-every', '0.3'],
      ...['--out', 'run'],
    ])
    await run.prints('stderr', /^last \S+ \S+ +CPU +no CPU +faults\/s +read +mmap\/s/m)
    await target.open(10)
    await run.prints('stderr', new RegExp(`^${target.pid} target +[1-9][\\d.]* %`, 'm'))
    await target.end()
    const { code, stderr } = await run.ended
    expect(code, stderr).toBe(0)
    // Its end comes last: the report of what was counted.
    expect(stderr).toMatch(new RegExp(`openat_calls +target +${target.pid} +10$`, 'm'))
  })

  it('--live: in place on a terminal', async (context) => {
    const missing = missingProgram('tmux')
    if (missing !== null) context.skip(missing)
    const target = await opener('target')
    const terminal = await startTmux({ columns: 110, rows: 40 })
    await terminal.shows(/ready>\s*$/)
    const folder = tempFolder()
    const line = `${LAYERLINE} os attach --pid ${target.pid} --probes load,sched --live --log-every 0.3 --out run`
    await terminal.keys('-l', `cd ${folder}; ${line}`)
    await terminal.keys('Enter')
    await terminal.shows(/^last \S+ \S+ +CPU +no CPU/m)
    let shown = false
    const spinning = (async () => {
      while (!shown) await target.open(1)
    })()
    await terminal.shows(new RegExp(`^${target.pid} target +[1-9][\\d.]* %`, 'm')).finally(() => {
      shown = true
    })
    await spinning
    const heads = (await terminal.screen()).filter((each) => /^last \S+ \S+ +CPU/.test(each))
    expect(heads).toHaveLength(1)
    await target.end()
    await terminal.shows(/run: /)
  })
})

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { prepareOs } from '../src/sources/os/os-source.ts'
import { pythonPath, useBpftrace } from './support/bpftrace.ts'
import { startLayerline, until } from './support/cli.ts'
import { memoryContext } from './support/memory-context.ts'
import { tempFolder } from './support/temp-folder.ts'

/** Opens /etc/hosts as often as each line of its input says, and answers. */
const OPENER = `
const fs = require('fs')
require('readline').createInterface({ input: process.stdin }).on('line', (n) => {
  for (let i = 0; i < n; i++) fs.closeSync(fs.openSync('/etc/hosts'))
  console.log('done')
})
console.log('ready')
`

async function opener(): Promise<{ pid: number; open(n: number): Promise<void>; child: ChildProcess }> {
  const child = spawn(process.execPath, ['-e', OPENER], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return {
    pid: child.pid as number,
    child,
    async open(n) {
      const answer = once(child.stdout, 'data')
      child.stdin.write(`${n}\n`)
      await answer
    },
  }
}

/** The bpftrace that this process has started. */
function bpftracePid(): number {
  const found = readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return stat.includes('(bpftrace)') && Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === process.pid
    } catch {
      return false
    }
  })
  expect(found).toHaveLength(1)
  return Number(found[0])
}

describe('the layer, with the real bpftrace', () => {
  useBpftrace()

  async function watched(pid: number, probes: readonly string[]) {
    const source = await prepareOs({ target: { kind: 'processes', pids: [pid] }, probes })
    onTestFinished(() => source.stop())
    const memory = memoryContext()
    await source.start(memory.context)
    // What the program's first thread did: Node has others, which open files of their own.
    const total = (name: string): number => {
      const track = memory.tracks().find((each) => each.name === name && each.thread?.startsWith(`${pid} `))
      return memory.samples().reduce((sum, row) => sum + (row.track_id === track?.track_id ? (row.value ?? 0) : 0), 0)
    }
    return { source, memory, total }
  }

  it('attached to a live process: shows its counts to Prometheus, prints its events, and ends with it', async () => {
    const target = await opener()
    const args = [
      'os',
      'attach',
      '--pid',
      String(target.pid),
      '--probes',
      'load',
      '--metrics-port',
      '0',
      '--events',
      '--out',
      'run',
    ]
    const attached = startLayerline(tempFolder(), args)
    await attached.prints('stderr', /metrics: http\S+/)
    const url = /metrics: (http\S+)/.exec(attached.stderr())?.[1] ?? ''
    await target.open(30)
    const calls = async (): Promise<number> => {
      const page = await (await fetch(url)).text()
      expect(page).toMatch(/^llm_mmap_calls_total \d+$/m)
      return Number(/^llm_syscall_by_process\{syscall="openat",comm="node"\} (\d+)$/m.exec(page)?.[1] ?? 0)
    }
    await until(async () => (await calls()) >= 30)
    target.child.kill('SIGKILL')
    const { code, stdout, stderr } = await attached.ended
    expect(code, stderr).toBe(0)
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const opened = events.filter(({ syscall, path }) => syscall === 'openat' && path === '/etc/hosts')
    expect(opened).toHaveLength(30)
    expect(opened[0]).toMatchObject({ pid: target.pid, tid: target.pid, comm: 'node' })
    expect(Math.abs((opened[0]?.timestamp as number) - Date.now() / 1000)).toBeLessThan(120)
  })

  it('loses no count while bpftrace stands still, and says when it did', async () => {
    const target = await opener()
    const { source, memory, total } = await watched(target.pid, ['load'])
    await target.open(50)
    await until(() => total('openat_calls') >= 50)
    const bpftrace = bpftracePid()
    process.kill(bpftrace, 'SIGSTOP')
    await target.open(7000)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    process.kill(bpftrace, 'SIGCONT')
    await until(() => total('openat_calls') >= 7050)
    await source.stop()
    expect(total('openat_calls')).toBe(7050)
    expect(memory.gaps().map(({ name }) => name)).toContain('bpftrace or its reader was stalled')
  })

  it('goes on beside threads that wait and wake all the time', async () => {
    const program = `
import threading, time
def wait():
    while True: time.sleep(0.0005)
for _ in range(60): threading.Thread(target=wait, daemon=True).start()
print('ready', flush=True)
time.sleep(1000)
`
    const child = spawn(pythonPath(), ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    const source = await prepareOs({
      target: { kind: 'processes', pids: [child.pid as number] },
      probes: ['sched', 'futex'],
      tickMs: 10,
    })
    onTestFinished(() => source.stop())
    const memory = memoryContext()
    await source.start(memory.context)
    await new Promise((resolve) => setTimeout(resolve, 8000))
    await source.stop()
    expect(memory.notes.filter((note) => note.includes('SIGABRT'))).toEqual([])
    expect(memory.of('context_switches').length).toBeGreaterThan(0)
  })

  it('that is killed: what it had counted is kept, the rest is a gap', async () => {
    const target = await opener()
    const { source, memory, total } = await watched(target.pid, ['load'])
    await target.open(40)
    await until(() => total('openat_calls') >= 40)
    process.kill(bpftracePid(), 'SIGKILL')
    await until(() => memory.notes.some((note) => note.includes('was ended by SIGKILL')))
    await target.open(10)
    await source.stop()
    expect(total('openat_calls')).toBe(40)
    expect(memory.gaps().map(({ name }) => name)).toContain('bpftrace was ended by SIGKILL')
  })

  it('counts events beyond its limit, and says how many it left out', async () => {
    const target = await opener()
    const source = await prepareOs({
      target: { kind: 'processes', pids: [target.pid] },
      probes: ['load'],
      eventsPerSecond: 100,
    })
    onTestFinished(() => source.stop())
    const memory = memoryContext()
    await source.start(memory.context)
    let told = 0
    source.onEvent = ({ syscall }) => {
      if (syscall === 'openat') told++
    }
    await target.open(2000)
    target.child.kill('SIGKILL')
    await source.stop()
    const counted = memory.of('openat_calls').reduce((sum, { value }) => sum + (value ?? 0), 0)
    expect(counted).toBeGreaterThanOrEqual(2000)
    expect(told).toBeLessThan(2000)
    // Each one was reported or is counted as lost: none is unknown. The end of the process is an event, too.
    expect(memory.lost.slices).toBeGreaterThanOrEqual(2000 - told)
    expect(memory.lost.slices).toBeLessThanOrEqual(2000 - told + 64)
    expect(memory.notes.join('\n')).toMatch(/\d+ events were .* beyond 100 a second/)
  })

  it('finds opening of GPU devices and ioctls on their descriptors, also on those that are open already', async () => {
    const device = '/dev/nvidia-layerline-test'
    writeFileSync(device, '')
    onTestFinished(() => rmSync(device, { force: true }))
    const program = `
import fcntl, os, sys
early = os.open('${device}', os.O_RDWR)
other = os.open('/etc/hosts', os.O_RDONLY)
def calls(fd, n):
    for _ in range(n):
        try: fcntl.ioctl(fd, 0x4600)
        except OSError: pass
print('ready', flush=True)
sys.stdin.readline()
calls(early, 3)
late = os.open('${device}', os.O_RDWR)
calls(late, 4)
calls(other, 5)
os.close(late)
late = os.open('/etc/hosts', os.O_RDONLY)
calls(late, 6)
print('done', flush=True)
sys.stdin.readline()
`
    const child = spawn(pythonPath(), ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    const { source, total } = await watched(child.pid as number, ['gpu'])
    child.stdin.write('\n')
    await once(child.stdout, 'data')
    await source.stop()
    expect(total('gpu_open_calls')).toBe(1)
    expect(total('gpu_ioctl_calls')).toBe(7)
    expect(total('gpu_ioctl_ns')).toBeGreaterThan(0)
  })
})

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pythonPath, useBpftrace } from './support/bpftrace.ts'
import { layerline } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

interface Told {
  counts: { name: string; pid: number; comm: string; next_comm?: string; value: number }[]
  known_amounts?: { name: string; did: number; counted: number | null }[]
}

/** Threads that live for one opening, under names with what separates a line's parts. */
const BRIEF = `
import ctypes, os, threading
libc = ctypes.CDLL(None)
def work(i):
    libc.prctl(15, f'brief |{i}'.encode(), 0, 0, 0)
    os.close(os.open('/etc/hosts', os.O_RDONLY))
for i in range(20):
    thread = threading.Thread(target=work, args=(i,))
    thread.start()
    thread.join()
`
/** One that sleeps so often, under a name of its own. */
const SLEEPS = 30
const SLEEPER = `
import ctypes, time
ctypes.CDLL(None).prctl(15, b'sleeper', 0, 0, 0)
for _ in range(${SLEEPS}): time.sleep(0.01)
`

describe('os run, with the real bpftrace', () => {
  useBpftrace()

  it('--events names the thread in every line, of those too that were gone at once', async () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'brief.py'), BRIEF)
    const run = await layerline(folder, ['os', 'run', '--events', '--quiet', '--', pythonPath(), 'brief.py'])
    expect(run.code, run.stderr).toBe(0)
    const events = run.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { comm: string; path?: string; syscall: string })
    expect(events.filter(({ comm }) => comm === '')).toEqual([])
    const opened = events.filter(({ path, syscall }) => syscall === 'openat' && path === '/etc/hosts')
    expect(opened.map(({ comm }) => comm).sort()).toEqual(Array.from({ length: 20 }, (_, i) => `brief |${i}`).sort())
  })

  it('--simulate compares its counts with what the program says it did', async () => {
    const run = await layerline(tempFolder(), ['os', 'run', '--simulate', '--json'])
    expect(run.code, run.stderr).toBe(0)
    const amounts = (JSON.parse(run.stdout) as Told).known_amounts ?? []
    expect(amounts.map(({ name }) => name)).toEqual(['mmap_calls', 'mlock_calls', 'mlock_bytes', 'read_bytes'])
    for (const { name, did, counted } of amounts) expect(counted, name).toBe(did)
  })

  it('--probes sched counts which thread gave its CPU to which, by their names', async () => {
    const args = ['os', 'run', '--probes', 'sched', '--json', '--', pythonPath(), '-c', SLEEPER]
    const run = await layerline(tempFolder(), args)
    expect(run.code, run.stderr).toBe(0)
    const { counts } = JSON.parse(run.stdout) as Told
    const pairs = counts.filter(({ name }) => name === 'switches')
    expect(pairs.every(({ next_comm }) => next_comm !== undefined && next_comm !== '')).toBe(true)
    const from = pairs.filter(({ comm }) => comm === 'sleeper')
    const left = counts.filter(({ name, comm }) => name === 'context_switches' && comm === 'sleeper')
    const sum = (each: typeof counts) => each.reduce((all, { value }) => all + value, 0)
    expect(sum(from)).toBe(sum(left))
    expect(sum(from)).toBeGreaterThanOrEqual(SLEEPS)
    // It comes back as often as it leaves.
    expect(sum(pairs.filter(({ next_comm }) => next_comm === 'sleeper'))).toBeGreaterThanOrEqual(SLEEPS)
  })
})

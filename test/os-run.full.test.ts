import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pythonPath, useBpftrace } from './support/bpftrace.ts'
import { CHECKOUT, layerline, sqlRows } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

const SIMULATE = join(CHECKOUT, 'python/layerline_os/layerline_os/simulate.py')

interface Told {
  run: string
  exit_code: number
  counts: { name: string; pid: number; comm: string; value: number }[]
  missing: string[]
}

describe('os run, with the real bpftrace', () => {
  useBpftrace()

  it('counts exactly what a program of known behaviour does', async () => {
    const folder = tempFolder()
    const run = await layerline(folder, ['os', 'run', '--json', '--out', 'run', '--', pythonPath(), SIMULATE])
    expect(run.code, run.stderr).toBe(0)
    const told = JSON.parse(run.stdout) as Told
    const truth = JSON.parse(run.stderr.split('\n').find((line) => line.startsWith('{')) ?? '') as Record<
      string,
      number
    >
    const byComm = (name: string) =>
      told.counts.find(({ name: each, pid, comm }) => each === name && pid === truth.pid && comm === 'known-amounts')
        ?.value
    const rows = await sqlRows(
      folder,
      'run',
      `SELECT t.name, sum(c.value)::DOUBLE AS value FROM counters c JOIN tracks t USING (track_id)
       WHERE t.layer = 'os' AND t.thread LIKE '${truth.pid} %' GROUP BY t.name`,
    )
    const of = (name: string) => rows.find((row) => row.name === name)?.value as number

    for (const name of ['mlock_calls', 'mmap_calls']) expect(byComm(name), name).toBe(truth[name])
    for (const name of ['madvise_calls', 'mlock_bytes', 'read_bytes']) expect(of(name), name).toBe(truth[name])
    // Its main thread also makes the first of the threads that it waits for.
    expect(of('munmap_calls')).toBeGreaterThanOrEqual(truth.munmap_calls as number)
    // The process's own count is taken just before its end, and without the threads that others began.
    const [faults] = await sqlRows(
      folder,
      'run',
      `SELECT sum(c.value)::DOUBLE AS n FROM counters c JOIN tracks t USING (track_id)
       WHERE t.name = 'minor_faults' AND t.process LIKE '${truth.pid} %'`,
    )
    expect(Math.abs((faults?.n as number) / (truth.minor_faults as number) - 1)).toBeLessThan(0.01)
    // It slept so long, or longer, and waited for its threads.
    expect(of('blocked_ns')).toBeGreaterThanOrEqual(truth.slept_ns as number)
    expect(of('futex_wait_calls')).toBeGreaterThanOrEqual(5)
    expect(of('on_cpu_ns')).toBeGreaterThan(0)

    const clocks = await sqlRows(folder, 'run', "SELECT * FROM clocks WHERE clock = 'boottime'")
    expect(clocks.length).toBeGreaterThan(0)
    for (const row of clocks) expect(row.uncertainty_ns as number).toBeGreaterThan(0)
    // All of it lies in the life of the process that did it.
    const [life] = await sqlRows(
      folder,
      'run',
      `SELECT min(t_ns) AS first, max(t_ns) AS last, (max(t_ns) - min(t_ns))::DOUBLE AS ns FROM counters JOIN tracks t USING (track_id)
       WHERE t.layer = 'os' AND t.process LIKE '${truth.pid} %'`,
    )
    expect(life?.ns as number).toBeGreaterThan(truth.slept_ns as number)
  })

  it('passes the exit code on, and finds what a shell starts', async () => {
    const folder = tempFolder()
    const script = join(folder, 'twice.sh')
    writeFileSync(script, 'cat /etc/hosts >/dev/null\ncat /etc/hosts >/dev/null\nexit 7\n')
    const run = await layerline(folder, ['os', 'run', '--json', '--probes', 'load', '--out', 'run', '--', 'sh', script])
    expect(run.code, run.stderr).toBe(7)
    const programs = await sqlRows(folder, 'run', "SELECT name FROM named_slices WHERE category = 'exec' ORDER BY t_ns")
    expect(programs.map(({ name }) => String(name).replace(/^.*\//, ''))).toEqual([
      expect.stringMatching(/^(da)?sh$/),
      'cat',
      'cat',
    ])
    const told = JSON.parse(run.stdout) as Told
    expect(told.counts.filter(({ comm, name }) => comm === 'cat' && name === 'openat_calls')).toHaveLength(2)
  })

  it('samples stacks, and keeps every time on a CPU within a window', async () => {
    const folder = tempFolder()
    const spin = 'import time\nend = time.process_time() + 2\nwhile time.process_time() < end: sum(range(1000))'
    const args = [
      'os',
      'run',
      '--quiet',
      '--probes',
      'cpu',
      '--window',
      '0+60',
      '--out',
      'run',
      '--',
      pythonPath(),
      '-c',
      spin,
    ]
    const run = await layerline(folder, args)
    expect(run.code, run.stderr).toBe(0)
    const [stacks] = await sqlRows(
      folder,
      'run',
      "SELECT sum((args->>'samples')::INT)::INT AS samples FROM named_slices WHERE category = 'cpu_stack'",
    )
    // Two seconds of CPU at 99 a second; what a virtual machine was kept from its CPU is not sampled.
    expect(stacks?.samples as number).toBeGreaterThan(60)
    const [on] = await sqlRows(folder, 'run', "SELECT sum(dur_ns)::DOUBLE AS ns FROM slices WHERE category = 'on_cpu'")
    expect(on?.ns as number).toBeGreaterThan(1e9)
  })

  it('says what is no program', async () => {
    const run = await layerline(tempFolder(), ['os', 'run', '--probes', 'mlock', '--', './nothing-there'])
    expect(run.code).toBe(2)
    expect(run.stderr).toContain('./nothing-there: there is no such program')
  })
})

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CHECKOUT, cleanEnv, layerline, sqlRows } from './support/cli.ts'
import { needs } from './support/needs.ts'
import { type ToldOfOs, traceArguments, tracedFolder } from './support/os-trace.ts'
import { tempFolder } from './support/temp-folder.ts'

describe('without rights', () => {
  /** Runs the command as `nobody`, with a server of its own that it may inspect. */
  async function asNobody(
    folder: string,
    args: readonly string[],
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: { ...cleanEnv(), HOME: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}),
    })
    const text = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (part) => (text[name] += part))
    const [code] = await once(child, 'close')
    return { code: code as number, ...text }
  }

  const main = join(CHECKOUT, 'scripts/start.mjs')
  const nobodyReads =
    process.getuid?.() !== 0 || spawnSync('test', ['-r', main], { uid: 65534, gid: 65534 }).status === 0
  needs(nobodyReads ? null : 'the user nobody cannot read this checkout: put it where others may, as chmod a+rx does')

  it('trace --os auto goes on with /proc and says what is missing', async () => {
    const folder = tracedFolder()
    const server = spawn(process.execPath, [join(CHECKOUT, 'dist/test/paced-server/main.js')], {
      stdio: ['pipe', 'pipe', 'inherit'],
      ...(process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}),
    })
    onTestFinished(() => void server.kill())
    const [line] = (await once(server.stdout, 'data')) as [Buffer]
    const url = `http://127.0.0.1:${(JSON.parse(line.toString()) as { port: number }).port}`
    const run = await asNobody(folder, [main, ...traceArguments(url), '--os', 'auto'])
    expect(run.code, run.stderr).toBe(0)
    expect(run.stderr).toMatch(/os: from \/proc alone: .*(root|tracefs|bpftrace)/)
    const { os } = JSON.parse(run.stdout) as ToldOfOs
    expect(os).toMatchObject({ source: '/proc', forwards: null })
    expect(os?.not_seen).toContain('ended_between_looks')
    const own = os?.processes.find(({ process }) => process.startsWith(`${server.pid} `))
    expect(own?.cpus_allowed).toMatch(/^\d/)
    expect(own?.mmap_calls).toBeNull()
    const sources = await sqlRows(
      folder,
      'run',
      "SELECT DISTINCT attrs->>'source' AS source FROM tracks WHERE layer = 'os' ORDER BY 1",
    )
    for (const { source } of sources) expect(source).toMatch(/^\/proc\//)
  })

  it('os run counts what /proc shows, and refuses probes that were asked for by name', async () => {
    const folder = tracedFolder()
    const burn = 'const end = performance.now() + 1200; let x = 0; while (performance.now() < end) x++'
    const run = await asNobody(folder, [
      main,
      'os',
      'run',
      '--json',
      '--out',
      'run',
      '--',
      process.execPath,
      '-e',
      burn,
    ])
    expect(run.code, run.stderr).toBe(0)
    const rows = await sqlRows(
      folder,
      'run',
      "SELECT t.name, sum(c.value)::DOUBLE AS value FROM counters c JOIN tracks t USING (track_id) WHERE t.thread LIKE '% node%' GROUP BY ALL",
    )
    const of = (name: string) => rows.find((row) => row.name === name)?.value as number
    expect(of('on_cpu_ns')).toBeGreaterThan(0)
    expect(of('minor_faults')).toBeGreaterThan(0)
    const asked = await asNobody(folder, [main, 'os', 'run', '--probes', 'mlock', '--', 'true'])
    expect(asked.code).toBe(4)
    if (existsSync('/sys/kernel/tracing/events')) expect(asked.stderr).not.toContain('mount -t tracefs')
    expect(asked.stderr).toMatch(/layerline: os: .*\n {2}-> /)
  })
})

it('a set that there is not is refused before anything starts', async () => {
  const run = await layerline(tempFolder(), ['os', 'run', '--probes', 'mnap', '--', 'true'])
  expect(run.code).toBe(2)
  expect(run.stderr).toContain('did you mean mmap?')
})

it('os attach: takes one target', async () => {
  const run = await layerline(tempFolder(), ['os', 'attach', '--pid', String(process.pid), '--system'])
  expect(run.code).toBe(2)
  expect(run.stderr).toContain('expected one of --pid, --cgroup, --comm and --system')
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { useBpftrace } from './support/bpftrace.ts'
import { CHECKOUT, cleanEnv, layerline, sqlRows } from './support/cli.ts'
import { useRealEngine } from './support/real-engine.ts'
import { tempFolder } from './support/temp-folder.ts'

vi.setConfig({ testTimeout: 180_000 })

const TOKENS = 12
const PROMPTS = 'size,prompt\n10,"Tell me a story."\n10,"Count to ten."\n'

interface Told {
  os: {
    source: string
    forwards: number | null
    threads: { thread: string; on_cpu_s: number }[]
    processes: {
      process: string
      minor_faults: number | null
      mmap_calls: number | null
      cpus_allowed: string | null
    }[]
  } | null
}

function tracedFolder(): string {
  const folder = tempFolder()
  chmodSync(folder, 0o777)
  writeFileSync(join(folder, 'prompts.csv'), PROMPTS)
  return folder
}

function traceArguments(url: string): string[] {
  return [
    'trace',
    '--prompts',
    'prompts.csv',
    '--url',
    url,
    '--max-tokens',
    String(TOKENS),
    '--ignore-eos',
    '--out',
    'run',
    '--json',
  ]
}

describe('trace --os auto, with the real engine', () => {
  useBpftrace()
  const engine = useRealEngine()

  it('as root: every forward pass, on the clock of the requests', async () => {
    const folder = tracedFolder()
    const run = await layerline(folder, [...traceArguments(engine.url), '--os', 'auto'])
    expect(run.code, run.stderr).toBe(0)
    const { os } = JSON.parse(run.stdout) as Told
    expect(os).toMatchObject({ source: 'bpftrace' })
    expect(os?.threads.some(({ on_cpu_s }) => on_cpu_s > 0)).toBe(true)
    const rows = await sqlRows(
      folder,
      'run',
      `SELECT r.request_id, r.output_tokens AS tokens, count(*) AS forwards FROM requests r JOIN slices s
         ON s.t_ns + s.dur_ns BETWEEN r.sent_ns AND r.last_token_ns JOIN tracks t ON t.track_id = s.track_id
       WHERE s.category = 'forward' AND t.process LIKE '${engine.pid} %' GROUP BY ALL ORDER BY 1`,
    )
    expect(rows).toEqual([0, 1].map((request_id) => ({ request_id, tokens: TOKENS, forwards: TOKENS })))
  })
})

describe('without rights', () => {
  /** Runs the command as `nobody`, with a server of its own that it may look into. */
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
    const { os } = JSON.parse(run.stdout) as Told
    expect(os).toMatchObject({ source: '/proc', forwards: null })
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
    expect(asked.stderr).toMatch(/layerline: os: .*\n {2}-> /)
  })
})

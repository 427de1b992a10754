import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { packageFile } from '../src/base/package-files.ts'
import { createRunClock } from '../src/base/time.ts'
import { Recording } from '../src/session/recording.ts'
import { sourceContext } from '../src/session/source-context.ts'
import { prepareLocalSmi } from '../src/sources/gpu/smi/local-smi.ts'
import { SmiLines } from '../src/sources/gpu/smi/smi-lines.ts'
import { startHostSampler } from '../src/sources/host/host-sampler.ts'
import { openRun } from '../src/store/read/open-run.ts'
import { counters, tracks } from '../src/trace/tables.ts'
import { memoryRows } from '../test/support/memory-rows.ts'
import { definitions, type Figure, figure, figureTable } from './client/figures.ts'

const FAKE = packageFile('test/fake-nvidia-smi')
const PERIOD_MS = 10
const CADENCES_MS = [1000, 100, 50, 20, 10]
const FIELDS = 14
/** The peer: the same text through Python's csv module, every number made one. */
const PEER = `import csv, sys, time
began = time.process_time()
rows = 0
with open(sys.argv[1], newline="") as file:
    for row in csv.reader(file, skipinitialspace=True):
        stamp, uuid = row[0], row[1]
        values = [float(cell) for cell in row[2:]]
        rows += 1
print(rows / (time.process_time() - began))`

/**
 * `node dist/bench/sampling.js [--quick] [--json]`: what sampling costs. GPU rows come from the fake nvidia-smi, whose own
 * work is not counted; the host is this one.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  })
  const seconds = values.quick ? 5 : 20
  const repetitions = values.quick ? 1 : 3
  process.env.PATH = `${FAKE}${delimiter}${process.env.PATH ?? ''}`
  process.env.FAKE_SMI_GPUS = '1'
  const cost: number[] = []
  const jitter: Jitter[] = []
  const parsed: number[] = []
  const peer: number[] = []
  for (let i = 0; i < repetitions; i++) {
    const idle = await recorded(seconds, false)
    const sampled = await recorded(seconds, true)
    cost.push(100 * (sampled.cores - idle.cores))
    jitter.push(sampled.jitter)
    const speeds = parseSpeeds(values.quick ? 50_000 : 200_000)
    parsed.push(speeds.ours)
    if (speeds.peer !== null) peer.push(speeds.peer)
  }
  const hosts: number[][] = []
  for (let i = 0; i < repetitions; i++) hosts.push(await hostCosts(values.quick ? 2 : 5))
  const figures: Figure[] = [
    figure(
      'GPU rows at 10 ms',
      '% of a core',
      `CPU time of this process, all threads, while one GPU's ${FIELDS} fields are parsed, stored and committed each 10 ms, less that of a recording that has another row each 40 ms, as any run has`,
      cost,
      2,
    ),
    figure(
      'jitter, typical',
      'ms',
      'median of |time between two samples - 10 ms|, by their stamps of whole ms',
      jitter.map((j) => j.p50),
    ),
    figure(
      'jitter, p99',
      'ms',
      'the same, p99; the sampler is the fake, on this machine with all that runs on it',
      jitter.map((j) => j.p99),
    ),
    figure(
      'samples that came',
      '%',
      'samples in the sealed run, of those that the period asks for',
      jitter.map((j) => j.share),
    ),
    figure(
      'parser',
      'k rows/s',
      `lines of ${FIELDS} fields, from text to numbers, in one thread`,
      parsed.map((v) => v / 1e3),
    ),
    ...(peer.length === 0
      ? []
      : [
          figure(
            'csv of Python',
            'k rows/s',
            'the same text through csv.reader and float(), by its CPU time',
            peer.map((v) => v / 1e3),
          ),
          figure(
            'parser / csv of Python',
            'x',
            'the two above, pair by pair',
            parsed.map((v, i) => v / (peer[i] ?? Number.NaN)),
            1,
            'at_least',
          ),
        ]),
    ...CADENCES_MS.map((ms, at) =>
      figure(
        `host at ${ms} ms`,
        '% of a core',
        `CPU time of this process, all threads, while it does nothing but look at /proc each ${ms} ms: machine, itself and an engine's threads, network, disks`,
        hosts.map((costs) => 100 * (costs[at] as number)),
      ),
    ),
  ]
  if (values.json)
    process.stdout.write(
      `${JSON.stringify({ environment: { node: process.version, platform: `${process.platform} ${process.arch}` }, figures }, null, 2)}\n`,
    )
  else process.stdout.write(`${figureTable(figures)}\n\n${definitions(figures)}\n`)
  if (figures.some((f) => f.met === false)) process.exitCode = 1
}

interface Jitter {
  p50: number
  p99: number
  /** Samples that came, of those that the period asks for, %. */
  share: number
}

/** A recording for some seconds, with or without GPU samples: CPU it took, in cores, and how even the samples are. */
async function recorded(seconds: number, withGpu: boolean): Promise<{ cores: number; jitter: Jitter }> {
  const parent = mkdtempSync(join(tmpdir(), 'layerline-bench-'))
  const folder = join(parent, 'run')
  const recording = await Recording.start(
    { command: 'bench', out: folder, config: {}, sampling: {}, seed: 1, hosts: [], engine: null },
    (error) => {
      throw error
    },
  )
  const source = withGpu ? await prepareLocalSmi({ periodMs: PERIOD_MS, gpus: [] }) : null
  await source?.start(sourceContext(recording, (text) => process.stderr.write(`${text}\n`)))
  const other = setInterval(() => {
    recording.store.writers.counters.append({ track_id: recording.nextTrackId(), t_ns: 0, value: 1 })
  }, 40)
  // The first seconds are those of the compiler.
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const before = process.cpuUsage()
  const startedMs = performance.now()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const used = process.cpuUsage(before)
  const cores = (used.user + used.system) / 1000 / (performance.now() - startedMs)
  clearInterval(other)
  await source?.stop()
  await recording.finish()
  const jitter = withGpu ? await jitterOf(folder) : { p50: 0, p99: 0, share: 0 }
  rmSync(parent, { recursive: true, force: true })
  return { cores, jitter }
}

async function jitterOf(folder: string): Promise<Jitter> {
  const run = await openRun(folder)
  const [row] = await run.query(`WITH steps AS (
      SELECT t_ns - lag(t_ns) OVER (ORDER BY t_ns) AS step FROM named_counters WHERE name = 'pstate'
    ) SELECT quantile_disc(abs(step / 1e6 - ${PERIOD_MS}), 0.5) AS p50, quantile_disc(abs(step / 1e6 - ${PERIOD_MS}), 0.99) AS p99,
      100.0 * count(*) * ${PERIOD_MS} * 1e6 / sum(step) AS share FROM steps WHERE step IS NOT NULL`)
  await run.close()
  return { p50: Number(row?.p50), p99: Number(row?.p99), share: Number(row?.share) }
}

/** Rows a second from text to numbers, ours and the peer's; null where there is no Python. */
function parseSpeeds(rows: number): { ours: number; peer: number | null } {
  const lines: string[] = []
  for (let i = 0; i < rows; i++) {
    const ms = String(i % 1000).padStart(3, '0')
    const cells = Array.from({ length: FIELDS }, (_, field) => ((i * (field + 3)) % 9973) / 10)
    lines.push(`2026/11/22 06:55:08.${ms}, GPU-fa4e0000-0000-4000-8000-000000000000, ${cells.join(', ')}\n`)
  }
  const text = lines.join('')
  let sum = 0
  const reader = new SmiLines(FIELDS, {
    row: (_, localMs, cells) => {
      sum += localMs + (cells[0] ?? 0)
    },
    text: (line) => {
      throw new Error(`not taken for a sample: ${line}`)
    },
  })
  const before = process.cpuUsage()
  for (let at = 0; at < text.length; at += 4096) reader.push(text.slice(at, at + 4096))
  const used = process.cpuUsage(before)
  if (!(sum > 0)) throw new Error('nothing was read')
  const folder = mkdtempSync(join(tmpdir(), 'layerline-bench-'))
  writeFileSync(join(folder, 'samples.csv'), text)
  const python = spawnSync('python3', ['-c', PEER, join(folder, 'samples.csv')], { encoding: 'utf8' })
  rmSync(folder, { recursive: true, force: true })
  return { ours: rows / ((used.user + used.system) / 1e6), peer: python.status === 0 ? Number(python.stdout) : null }
}

/** A process beside this one with threads of its own, as an engine has. */
const ENGINE = `const { Worker } = require('node:worker_threads')
for (let i = 0; i < 4; i++) new Worker('setInterval(() => {}, 1e6)', { eval: true })
setTimeout(() => console.log('ready'), 500)
process.stdin.on('end', () => process.exit()).resume()`

/** CPU that sampling this host takes in its own thread and here, cores, at each cadence; threads are looked at ten times a second, whatever the period. */
async function hostCosts(seconds: number): Promise<number[]> {
  const engine = spawn(process.execPath, ['-e', ENGINE], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(engine.stdout, 'data')
  const costs: number[] = []
  for (const ms of CADENCES_MS) costs.push(await hostCost(ms, seconds, engine.pid as number))
  engine.stdin.end()
  await once(engine, 'exit')
  return costs
}

async function hostCost(periodMs: number, seconds: number, enginePid: number): Promise<number> {
  let ids = 0
  const counted = memoryRows(counters)
  const sampler = await startHostSampler(
    {
      clock: createRunClock(),
      periodMs,
      processes: [
        { pid: process.pid, role: 'client' },
        { pid: enginePid, role: 'engine' },
      ],
      trackIds: () => ++ids,
    },
    { tracks: memoryRows(tracks).writer, counters: counted.writer },
  )
  // The first seconds are those of the compiler.
  await sleep(2000)
  const before = process.cpuUsage()
  const startedMs = performance.now()
  await sleep(seconds * 1000)
  const used = process.cpuUsage(before)
  const cores = (used.user + used.system) / 1000 / (performance.now() - startedMs)
  await sampler.stop()
  if (counted.rows().length === 0 || sampler.problem !== null)
    throw new Error(`nothing was sampled: ${sampler.problem}`)
  return cores
}

await main()

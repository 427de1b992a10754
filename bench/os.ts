import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { packageFile } from '../src/base/package-files.ts'
import { randomStream } from '../src/base/random-stream.ts'
import { environmentPython } from '../src/engines/vllm/environment.ts'
import { installVllm } from '../src/engines/vllm/install.ts'
import { parseProcessStat, TICK_NS } from '../src/sources/host/proc/proc-text.ts'
import { decided, type PairedRatio, pairedRatio } from './os/paired.ts'
import { BUSY, GENERATE, LOCK } from './os/workload.ts'

const LAYERLINE = packageFile('bin/layerline')
const AIM_WALL = 1.02
const AIM_OWN_CORES = 0.03
const LEAST_PAIRS = 6
const EVENTS_PER_S = 20_000

/**
 * `npm run bench -- os [--pairs N] [--tokens N] [--threads N] [--parts wall,own,events] [--continue FILE] [--for S]`:
 * what the kernel's view costs. A PyTorch model loaded and run with the default probes and without, in pairs of random
 * order, until the interval decides; Layerline's own CPU beside a busy program; whether events are lost silently.
 * PyTorch has `--threads` threads, by default all cores but one, as a managed engine has: where it fills all of them,
 * whatever else the machine does is in the figure. `--continue` keeps the pairs in a file and resumes from them; with
 * `--for` no pair starts after this many seconds.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '60' },
      tokens: { type: 'string', default: '50' },
      threads: { type: 'string', default: String(Math.max(1, availableParallelism() - 1)) },
      parts: { type: 'string', default: 'wall,own,events' },
      continue: { type: 'string' },
      for: { type: 'string', default: 'Infinity' },
    },
  })
  const parent = mkdtempSync(join(tmpdir(), 'layerline-bench-os-'))
  const parts = values.parts.split(',')
  try {
    const bounds = { mostPairs: Number(values.pairs), untilMs: performance.now() + 1000 * Number(values.for) }
    if (parts.includes('wall')) await wallCost(parent, [values.tokens, values.threads], values.continue ?? null, bounds)
    if (parts.includes('own')) await ownCpu(parent)
    if (parts.includes('events')) await lostEvents(parent)
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}

interface Measured {
  wall_s: number
  cpu_s: number
}

interface Pair {
  plain: Measured
  watched: Measured
}

async function wallCost(
  parent: string,
  work: readonly string[],
  kept: string | null,
  { mostPairs, untilMs }: { mostPairs: number; untilMs: number },
): Promise<void> {
  const { engineFolder, modelPath } = await installVllm()
  const program = [environmentPython(engineFolder), '-c', GENERATE, modelPath, ...work]
  const random = randomStream('bench os', Date.now())
  const plain = () => measured(program)
  let runs = 0
  const watched = () => {
    const out = join(parent, `run-${runs++}`)
    return measured([LAYERLINE, 'os', 'run', '--quiet', '--out', out, '--', ...program])
  }
  // The first is the one that fills the page cache.
  await plain()
  const pairs = kept !== null && existsSync(kept) ? (JSON.parse(readFileSync(kept, 'utf8')) as Pair[]) : []
  const wall = () => pairedRatio(pairs.map((pair) => pair.watched.wall_s / pair.plain.wall_s))
  while (pairs.length < mostPairs && performance.now() < untilMs) {
    const first = random.uniform() < 0.5
    const a = first ? await plain() : await watched()
    const b = first ? await watched() : await plain()
    pairs.push(first ? { plain: a, watched: b } : { plain: b, watched: a })
    if (kept !== null) writeFileSync(kept, JSON.stringify(pairs))
    process.stderr.write(`pair ${pairs.length}: ${text(wall())}\n`)
    if (decided(wall(), AIM_WALL, LEAST_PAIRS) !== null) break
  }
  const answer = decided(wall(), AIM_WALL, LEAST_PAIRS)
  const verdict = answer === null ? 'undecided' : answer ? 'met' : 'MISSED'
  print('wall time, default probes / none', text(wall()), `at most +2 %: ${verdict}`)
  print(
    'CPU seconds of the program, default probes / none',
    text(pairedRatio(pairs.map((p) => p.watched.cpu_s / p.plain.cpu_s))),
    '',
  )
}

/** What the program says of itself on its last line of standard error. */
async function measured([command = '', ...args]: readonly string[]): Promise<Measured> {
  const { stderr } = await done(command, args)
  const line = stderr.split('\n').find((each) => each.startsWith('@'))
  if (line === undefined) throw new Error(`the program said nothing of itself: ${stderr}`)
  return JSON.parse(line.slice(1)) as Measured
}

/** CPU of Layerline and its bpftrace while they look at a busy program, past their start: the first seconds compile what is used often. */
async function ownCpu(parent: string): Promise<void> {
  const busy = spawn('python3', ['-c', BUSY], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(busy.stdout, 'data')
  const folder = join(parent, 'own')
  const child = spawn(
    LAYERLINE,
    ['os', 'attach', '--pid', String(busy.pid), '--duration', '50', '--quiet', '--out', folder],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const ended = once(child, 'close')
  // The run begins once the probes are attached.
  while (!existsSync(join(folder, 'run.json')) && child.exitCode === null) await sleep(100)
  await sleep(10_000)
  const before = { cpuNs: treeCpuNs(child.pid as number), ms: performance.now() }
  await sleep(30_000)
  const cores = (treeCpuNs(child.pid as number) - before.cpuNs) / 1e6 / (performance.now() - before.ms)
  await ended
  busy.stdin.end()
  print(
    "Layerline's own CPU",
    `${(100 * cores).toFixed(2)} % of a core`,
    `at most 3 %: ${cores <= AIM_OWN_CORES ? 'met' : 'MISSED'}`,
  )
}

/** Of a process and what it started. */
function treeCpuNs(pid: number): number {
  const stat = parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return (stat?.cpuTicks ?? 0) * TICK_NS + children.reduce((sum, child) => sum + treeCpuNs(Number(child)), 0)
}

async function lostEvents(parent: string): Promise<void> {
  const seconds = 5
  const calls = EVENTS_PER_S * seconds
  const folder = join(parent, 'events')
  const { stdout } = await done(LAYERLINE, [
    ...['os', 'run', '--probes', 'mlock', '--events', '--json', '--out', folder, '--'],
    ...['python3', '-c', LOCK, String(calls), String(seconds)],
  ])
  const told = stdout.split('\n').filter((line) => line.includes('"syscall":"mlock"')).length
  const { layers } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as {
    layers: Record<string, { lost: number }>
  }
  const lost = layers.slices?.lost ?? 0
  const missing = calls - told - lost
  print(
    `${EVENTS_PER_S} streamed events a second for ${seconds} s`,
    `${told} told, ${lost} counted as lost, ${missing} neither`,
    `nothing lost without a word: ${missing <= 0 ? 'met' : 'MISSED'}`,
  )
}

async function done(command: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (part: string) => {
      said[name] += part
    })
  }
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}: ${said.stderr}`)
  return said
}

function text({ pairs, ratio, low, high }: PairedRatio): string {
  const percent = (value: number) => `${value >= 1 ? '+' : ''}${(100 * (value - 1)).toFixed(2)} %`
  return `${percent(ratio)} (95 %: ${percent(low)} to ${percent(high)}, ${pairs} pairs)`
}

function print(what: string, figure: string, aim: string): void {
  process.stdout.write(`${what}: ${figure}${aim === '' ? '' : `; ${aim}`}\n`)
}

await main()

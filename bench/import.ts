import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { builtFile } from '../src/base/package-files.ts'
import { definitions, type Figure, figure, figureTable } from './client/figures.ts'
import { generatedTrace, newTruth } from './import/generated-trace.ts'

const EVENTS = 1_400_000
const IMPORT = fileURLToPath(builtFile('bench/import/import-main'))

/**
 * `node dist/bench/import.js [--quick] [--json] [--events N] [--repeat N] [--stacks] [--hta PYTHON]`: a generated profile of vLLM on a
 * GPU into a sealed run, beside a bare scan of the same file for the boundaries of its events. Each runs in a process of
 * its own. `--hta` names a python with Holistic Trace Analysis, for its load and first breakdown of the same file.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      stacks: { type: 'boolean', default: false },
      events: { type: 'string' },
      hta: { type: 'string' },
      repeat: { type: 'string' },
      scan: { type: 'string' },
    },
  })
  if (values.scan !== undefined) {
    process.stdout.write(`${bareScan(values.scan)}\n`)
    return
  }
  const events = Number(values.events ?? (values.quick ? EVENTS / 10 : EVENTS))
  const folder = mkdtempSync(join(tmpdir(), 'layerline-bench-'))
  try {
    const path = join(folder, 'rank0.json')
    const truth = newTruth()
    const fd = openSync(path, 'w')
    for (const text of generatedTrace({ seed: 1, events, rank: 0 }, truth)) writeSync(fd, text)
    closeSync(fd)
    const megabytes = statSync(path).size / 1e6
    const wanted = truth.slices + (values.stacks ? truth.pythonFunctions : 0)
    const [scans, imports, peaks, ratios]: number[][] = [[], [], [], []]
    for (let i = 0; i < Number(values.repeat ?? (values.quick ? 1 : 5)); i++) {
      const scan = await timed(process.execPath, [fileURLToPath(builtFile('bench/import')), '--scan', path])
      // The head's one device lies as deep as an event.
      if (Number(scan.stdout) !== truth.events + 1) throw new Error(`the scan found ${scan.stdout.trim()} objects`)
      const out = join(folder, `run${i}`)
      const stacks = values.stacks ? ['--stacks'] : []
      const run = await timed(process.execPath, [IMPORT, path, out, ...stacks])
      if (Number(run.stdout) !== wanted) throw new Error(`${run.stdout.trim()} slices; expected ${wanted}`)
      rmSync(out, { recursive: true, force: true })
      scans?.push(scan.seconds)
      imports?.push(run.seconds)
      peaks?.push(run.peakMb)
      ratios?.push(run.seconds / scan.seconds)
    }
    const what = `${megabytes.toFixed(0)} MB, ${truth.events} events of which ${wanted} are kept (${truth.pythonFunctions} are Python functions)`
    const figures: Figure[] = [
      figure(
        'bare scan',
        's',
        `a process that reads the file and finds where its events begin and end: ${what}`,
        scans ?? [],
      ),
      figure(
        'import',
        's',
        'a process that imports the same file, from start to exit, with its run sealed',
        imports ?? [],
      ),
      figure('import / bare scan', 'x', 'the two above, pair by pair', ratios ?? [], 3),
      figure(
        'import, MB/s',
        'MB/s',
        'size of the file by the time of the import',
        (imports ?? []).map((s) => megabytes / s),
      ),
      figure('peak memory', 'MB', 'most that the import held resident (VmHWM of its process)', peaks ?? [], 400),
    ]
    if (values.hta !== undefined) figures.push(...(await htaFigures(values.hta, folder)))
    if (values.json) {
      const environment = { node: process.version, platform: `${process.platform} ${process.arch}` }
      process.stdout.write(`${JSON.stringify({ environment, figures }, null, 2)}\n`)
    } else process.stdout.write(`${figureTable(figures)}\n\n${definitions(figures)}\n`)
    if (figures.some((f) => f.met === false)) process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Events of the list, by depth of brackets outside strings: what any reader has to do at least. */
function bareScan(path: string): number {
  const fd = openSync(path, 'r')
  const buf = new Uint8Array(1 << 20)
  const state: ScanState = { depth: 0, events: 0, inString: false, escaped: false }
  for (let bytes = readSync(fd, buf); bytes > 0; bytes = readSync(fd, buf)) scanPiece(buf, bytes, state)
  closeSync(fd)
  return state.events
}

interface ScanState {
  depth: number
  events: number
  inString: boolean
  escaped: boolean
}

function scanPiece(buf: Uint8Array, end: number, state: ScanState): void {
  let { depth, events, inString, escaped } = state
  for (let i = 0; i < end; i++) {
    const c = buf[i]
    if (inString) {
      if (escaped) escaped = false
      else if (c === 0x5c) escaped = true
      else if (c === 0x22) inString = false
    } else if (c === 0x22) inString = true
    // The list is at depth 2 of brackets of both kinds, so that an event is what closes back to it.
    else if (c === 0x7b || c === 0x5b) depth++
    else if (c === 0x7d || c === 0x5d) {
      depth--
      if (depth === 2 && c === 0x7d) events++
    }
  }
  Object.assign(state, { depth, events, inString, escaped })
}

const HTA = `
import logging, resource, sys, time
logging.disable(logging.CRITICAL)
start = time.perf_counter()
from hta.trace_analysis import TraceAnalysis
TraceAnalysis(trace_dir=sys.argv[1]).get_temporal_breakdown(visualize=False)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
`

async function htaFigures(python: string, folder: string): Promise<Figure[]> {
  const { stdout } = await timed(python, ['-W', 'ignore', '-c', HTA, folder])
  const [seconds = Number.NaN, mb = Number.NaN] = stdout.trim().split(' ').map(Number)
  return [
    figure('HTA', 's', "Holistic Trace Analysis' load and temporal breakdown of the same file", [seconds]),
    figure('HTA, peak memory', 'MB', 'most that it held resident', [mb]),
  ]
}

interface Timed {
  stdout: string
  seconds: number
  peakMb: number
}

/** Runs a program to its end; its peak is read while it runs, 100 times a second. */
async function timed(program: string, args: readonly string[]): Promise<Timed> {
  const start = performance.now()
  const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let stdout = ''
  let peakMb = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  const timer = setInterval(() => {
    peakMb = Math.max(peakMb, peakOf(child.pid))
  }, 10)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearInterval(timer)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ended with ${code}`)
  return { stdout, seconds: (performance.now() - start) / 1000, peakMb }
}

/** VmHWM, which the kernel keeps: reading it late misses nothing. */
function peakOf(pid: number | undefined): number {
  const path = `/proc/${pid}/status`
  if (pid === undefined || !existsSync(path)) return 0
  try {
    const fd = openSync(path, 'r')
    const buf = Buffer.alloc(4096)
    const text = buf.toString('utf8', 0, readSync(fd, buf))
    closeSync(fd)
    return Number(/VmHWM:\s*(\d+)/.exec(text)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

await main()

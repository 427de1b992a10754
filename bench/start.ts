import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { builtFile, packageFile } from '../src/base/package-files.ts'
import { definitions, type Figure, figure, figureTable } from './client/figures.ts'
import { type Cost, costOf } from './start/cost.ts'
import { OneRequest } from './start/first-request.ts'

const LAYERLINE = packageFile('bin/layerline')
const SAMPLE = packageFile('samples/run-v1')
const OPEN_FILES = fileURLToPath(builtFile('bench/start/open-files-main'))
const WITHOUT = {
  node: [process.execPath, '-e', '1'],
  duckdb: [process.execPath, OPEN_FILES, SAMPLE],
}
const COMMANDS = {
  '--version': [LAYERLINE, '--version'],
  '--help': [LAYERLINE, '--help'],
  'trace --help': [LAYERLINE, 'trace', '--help'],
  report: [LAYERLINE, 'report', SAMPLE],
}

/**
 * `npm run bench -- start [--runs N] [--demo] [--json]`: the CPU of short commands, each beside its floor in the same round: Node that does
 * nothing, and DuckDB that opens the same files. `--demo`: also the time to the demo's first words; its engine must be installed.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { runs: { type: 'string', default: '11' }, demo: { type: 'boolean' }, json: { type: 'boolean' } },
  })
  const runs = Number(values.runs)
  const costs = new Map<string, Cost[]>()
  const firstRequest: number[] = []
  const request = await OneRequest.create()
  try {
    for (let run = 0; run <= runs; run++) {
      const round: [string, readonly string[]][] = [
        ...Object.entries({ ...WITHOUT, ...COMMANDS }),
        ['trace', [LAYERLINE, ...request.arguments()]],
      ]
      for (const [name, command] of round) {
        const cost = await costOf(command)
        // The first round fills the caches of the file system.
        if (run > 0) costs.set(name, [...(costs.get(name) ?? []), cost])
      }
      const cpu = await request.toFirstRequest()
      if (run > 0) firstRequest.push(cpu)
    }
  } finally {
    request.close()
  }
  const figures = figuresOf(costs, firstRequest)
  if (values.demo) figures.push(await firstWords())
  if (values.json) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
  else process.stdout.write(`${figureTable(figures)}\n\n${definitions(figures)}\n`)
}

function figuresOf(costs: ReadonlyMap<string, readonly Cost[]>, firstRequest: readonly number[]): Figure[] {
  const of = (name: string) => costs.get(name) ?? []
  const cpu = (name: string) => of(name).map(({ cpu_s }) => cpu_s)
  const over = (values: readonly number[], floor: string) => values.map((value, i) => value - (cpu(floor)[i] ?? 0))
  const above = (name: string, values: readonly number[], floor: string, target: number | null) =>
    figure(
      `${name}, over ${floor}`,
      's',
      `CPU of \`${name}\` less that of ${floor} in the same round`,
      over(values, floor),
      target,
    )
  return [
    ...[...costs.keys()].map((name) => figure(name, 's', 'CPU, user and system, of all threads', cpu(name))),
    above('--version', cpu('--version'), 'node', 0.05),
    above('--help', cpu('--help'), 'node', 0.12),
    above('report', cpu('report'), 'duckdb', 0.25),
    above('trace to its first request', firstRequest, 'node', 0.5),
    ...[...costs.keys()].map((name) =>
      figure(
        `${name}, memory`,
        'MB',
        'largest resident memory',
        of(name).map(({ rss_mb }) => rss_mb),
      ),
    ),
  ]
}

/** The demo is ended as soon as it has printed something. */
async function firstWords(): Promise<Figure> {
  const begun = performance.now()
  const child = spawn(LAYERLINE, ['demo', '--turns', '1'], { stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), exit])
  const tookS = (performance.now() - begun) / 1000
  child.kill('SIGINT')
  child.stdout.resume()
  child.stderr.resume()
  await exit
  return figure('demo, first words', 's', 'from its start to the first text of any kind', [tookS], 4)
}

await main()

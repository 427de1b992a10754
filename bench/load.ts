import { parseArgs } from 'node:util'
import { startPacedServer } from '../test/paced-server/start.ts'
import { definitions, type Figure, figure, figureTable } from './client/figures.ts'
import { byItself, byWall, measurePeers } from './client/peers.ts'
import { type MeasuredLoad, measureLoad, percentileOf } from './load/measure-load.ts'

interface Size {
  readonly repetitions: number
  readonly seconds: number
  /**
   * Tokens of each of 64 streams at full speed: with 20,000 a run takes less than a second, a fifth of it the start.
   */
  readonly tokens: number
  readonly millions: boolean
}
const FULL: Size = { repetitions: 5, seconds: 60, tokens: 50_000, millions: false }
const QUICK: Size = { repetitions: 1, seconds: 5, tokens: 2000, millions: false }

const STREAMS = ['--requests', '800', '--input-tokens', '16', '--output-tokens', '50']
const BURST = ['--arrival', 'burst:800,1h', ...STREAMS]

/**
 * `node dist/bench/load.js [--quick] [--long] [--peers] [--json] [--only lag|rate|speed|streams|memory]…`: whether `layerline load` keeps a
 * schedule, how fast it is with recording, and how true its times are, against a paced server in another process.
 * `--long`: memory over a million requests. `--peers`: the other tools that are installed, at full speed beside ours. Exits with 1 when a target is missed.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
    },
  })
  const size = values.quick ? QUICK : FULL
  const wanted = (part: string) => values.only === undefined || values.only.includes(part)
  const figures: Figure[] = []
  const notes: string[] = []
  const server = await startPacedServer()
  const repeated = async (args: readonly string[], options = {}): Promise<MeasuredLoad[]> => {
    const all: MeasuredLoad[] = []
    for (let i = 0; i < size.repetitions; i++) all.push(await measureLoad(server, args, options))
    return all
  }
  // Parts take minutes each: what was measured is not lost with a later one.
  const tell = (...more: readonly Figure[]): void => {
    figures.push(...more)
    process.stderr.write(`${figureTable(more)}\n\n`)
  }
  try {
    if (wanted('lag')) {
      await server.setDefaults({ ttft_ms: 20, tokens: 2 })
      for (const precise of [false, true]) {
        const load = [
          '--rate',
          '1000',
          '--duration',
          String(size.seconds),
          '--input-tokens',
          '16',
          '--output-tokens',
          '2',
        ]
        tell(...lagFigures(await repeated(precise ? [...load, '--precise'] : load), precise, size.seconds))
      }
    }
    if (wanted('rate')) {
      await server.setDefaults({ ttft_ms: 20, tokens: 1 })
      const load = ['--rate', '5000', '--arrival', 'constant', '--duration', String(size.seconds / 6)]
      const all = await repeated([...load, '--input-tokens', '16', '--output-tokens', '1'], { failing: true })
      const off = all.map(({ report }) => Math.abs(sendRate(report) / 5000 - 1))
      const rate = '|sent per second / 5,000 - 1|, from first to last send'
      const silent = all.filter(({ report }, i) => (off[i] as number) > 0.01 && limitOf(report) === null)
      const said = 'runs that are more than 1 % off and whose verdict does not say what stopped them'
      tell(
        figure('5,000/s: sent against offered', 'ratio', rate, off),
        figure('5,000/s: off without a reason', 'runs', said, [silent.length], 0),
        ...lags('5,000/s', all, null),
      )
      notes.push(...new Set(all.flatMap(({ report }) => limitOf(report) ?? []).map((text) => `5,000/s: ${text}`)))
    }
    if (wanted('speed')) {
      await server.setDefaults({ unpaced: true })
      const load = (tokens: number) =>
        `--concurrency 64 --requests 64 --input-tokens 8 --output-tokens ${tokens}`.split(' ')
      const few = await repeated(load(size.tokens / 10))
      const all = await repeated(load(size.tokens))
      const whole = 'tokens over the measured span; 64 streams at once, one token an event'
      const perS = all.map(({ report }) => report.tokens.output_per_s?.value ?? Number.NaN)
      const ours = figure('output tokens/s of a whole run, recorded', 'tok/s', whole, perS)
      figures.push(ours)
      // The same arithmetic as for the peers, without process starts.
      const once = 'tokens by wall time, the difference of a run with many and one with few tokens: recorded'
      const grown = all.map(({ wallS }, i) => (64 * 0.9 * size.tokens) / (wallS - (few[i] as MeasuredLoad).wallS))
      const oursByWall = figure('output tokens/s at full speed', 'tok/s', once, grown)
      figures.push(oursByWall)
      if (values.peers) {
        const peers = await measurePeers(server, { unpacedTokens: size.tokens })
        notes.push(...peers.notes)
        figures.push(...peers.figures, ...timesFaster(ours, oursByWall, peers.figures))
      }
    }
    if (wanted('streams')) {
      await server.setDefaults({ ttft_ms: 200, itl_ms: 20, tokens: 50 })
      // The server's own first bursts are slow, and what is late in its socket looks like the client's: it is not what is measured.
      for (let i = 0; i < 3; i++) await measureLoad(server, BURST)
      for (const [how, load, p50, p99] of [
        ['at once', BURST, 30, 80],
        ['over 2 s', ['--rate', '400', '--arrival', 'constant', ...STREAMS], 1, 5],
      ] as const) {
        const all = await repeated(load)
        tell(...truthFigures(`800 streams ${how}`, all, p50, p99))
      }
    }
    if (values.long && wanted('memory')) {
      await server.setDefaults({ unpaced: true })
      const all = [
        await measureLoad(server, [
          '--concurrency',
          '64',
          '--requests',
          '1000000',
          '--input-tokens',
          '8',
          '--output-tokens',
          '128',
        ]),
      ]
      tell(...memoryFigures(all))
    }
  } finally {
    await server.stop()
  }
  const environment = { node: process.version, platform: `${process.platform} ${process.arch}`, quick: values.quick }
  if (values.json) process.stdout.write(`${JSON.stringify({ environment, figures, notes }, null, 2)}\n`)
  else process.stdout.write(`${[figureTable(figures), notes.join('\n'), definitions(figures)].join('\n\n')}\n`)
  if (figures.some((f) => f.met === false)) process.exitCode = 1
}

/** How many times the speed of each peer ours is to be. */
const TIMES: Record<string, number> = { 'vllm bench serve': 3, aiperf: 10, guidellm: 15 }

/** Like with like: each over the span that it measures itself, and each by the wall times of its processes. */
function timesFaster(ours: Figure, oursByWall: Figure, peers: readonly Figure[]): Figure[] {
  const own =
    'output tokens/s, ours over the measured span by theirs over the duration that they report, medians of this run'
  const wall = 'output tokens/s by the difference of wall times, ours by theirs: with all that follows the last token'
  return Object.entries(TIMES).flatMap(([name, least]) => {
    const theirs = peers.find((each) => each.name === byItself(name))
    const theirsByWall = peers.find((each) => each.name === byWall(name))
    if (theirs === undefined || theirsByWall === undefined) return []
    return [
      figure(`ours / ${name}`, 'x', own, [ours.median / theirs.median], least, 'at_least'),
      figure(`ours / ${name}, by wall time`, 'x', wall, [oursByWall.median / theirsByWall.median]),
    ]
  })
}

function lagFigures(all: readonly MeasuredLoad[], precise: boolean, seconds: number): Figure[] {
  const name = `1,000/s${precise ? ', --precise' : ''}`
  const cpu = all.map(({ pacingCpuS }) => (pacingCpuS ?? Number.NaN) / seconds)
  const own = precise ? 'the pacing thread and the turns that spun' : 'the pacing thread'
  return [
    ...lags(name, all, precise ? null : 2),
    figure(`${name}: CPU of pacing`, 'cores', `CPU time of ${own} over the duration`, cpu),
  ]
}

function lags(name: string, all: readonly MeasuredLoad[], target: number | null): Figure[] {
  const definition = 'sent - scheduled of every request, recorded'
  const at = (p: 'p50' | 'p99') => all.map(({ report }) => percentileOf(report.latency.lag_ms?.[p]))
  return [
    figure(`${name}: send lag p50`, 'ms', definition, at('p50')),
    figure(`${name}: send lag p99`, 'ms', definition, at('p99'), target),
  ]
}

/** Requests sent a second, from the first to the last: those of the schedule, moved by their lags. */
function sendRate({ offered }: MeasuredLoad['report']): number {
  return (offered.requests - 1) / ((offered.span_s ?? Number.NaN) - (offered.tail_s ?? Number.NaN))
}

/** What the verdict says stopped a run; null where it names nothing. */
function limitOf({ verdict }: MeasuredLoad['report']): string | null {
  return verdict.find(({ level, what }) => level === 'bad' && what !== 'lag')?.text ?? null
}

function truthFigures(name: string, all: readonly MeasuredLoad[], p50: number, p99: number): Figure[] {
  const off = (p: 'p50' | 'p99') =>
    all.map(({ report, truth }) => Math.abs(percentileOf(report.latency.ttft_ms?.[p]) - (truth?.[p] ?? Number.NaN)))
  const definition = "|recorded - by the server's own stamps|, TTFT 200 ms, ITL 20 ms, 50 tokens"
  return [
    figure(`${name}: TTFT p50 off`, 'ms', definition, off('p50'), p50),
    figure(`${name}: TTFT p99 off`, 'ms', definition, off('p99'), p99),
  ]
}

function memoryFigures(all: readonly MeasuredLoad[]): Figure[] {
  const tracks = all.flatMap(({ report }) =>
    report.machine.tracks.filter((track) => track.name === 'rss_bytes' && track.role === 'client'),
  )
  const most = tracks.map(({ max }) => max / 1e6)
  const grown = all.flatMap(({ memory }) => (memory === null ? [] : [memory.lastMinuteMb - memory.secondMinuteMb]))
  const growth =
    'resident set of the client, mean of its last minute less mean of its second: it goes up and down by 100 MB and more, as the database opens its file anew'
  return [
    figure('1 M requests of 128 tokens: memory', 'MB', 'largest resident set of the client', most),
    figure('1 M requests of 128 tokens: growth', 'MB', growth, grown),
  ]
}

await main()

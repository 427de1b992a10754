import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { explainLate } from '../../src/analysis/late-tokens/explain.ts'
import { readGaps } from '../../src/analysis/late-tokens/read-gaps.ts'
import { TIMED_GAPS } from '../../src/analysis/populations.ts'
import { packageFile } from '../../src/base/package-files.ts'
import type { Engine } from '../../src/engines/care/engine.ts'
import { openRun } from '../../src/store/read/open-run.ts'
import { usualGaps } from '../support/usual-gaps.ts'
import { type Injected, inject } from './inject.ts'
import type { Harm, Injector } from './injectors/injector.ts'
import { type Judged, summed } from './score.ts'

const LAYERLINE = packageFile('bin/layerline')
/** What the answers of the run itself are: short prompts, so that they hardly disturb one another. */
const OUTPUT_TOKENS = 60
const CONCURRENCY = 2
/** The first requests are slow for reasons of their own. */
const WARMUP = 2
/** Before the first injection, so that something is in time. */
const CALM_MS = 4000
/** Longest from the start of the command to its first token. */
const START_LIMIT_MS = 60_000

export interface RunOptions {
  /** Folder for runs. */
  readonly parent: string
  readonly seconds: number
  readonly random: () => number
  readonly traceOptions: readonly string[]
}

export interface HarmedRun {
  readonly injections: number
  /** What went wrong in single injections, each text once. */
  readonly failures: string[]
  /** ITL p99 of the run, ms. */
  readonly p99Ms: number
  /** Late tokens of the run with faults injected into the engine, and of other times. */
  readonly judged: Judged[]
}

/**
 * Records a run for some seconds while faults are injected into an engine (none, without an injector), and judges its
 * late tokens.
 */
export async function harmedRun(engine: Engine, harm: Harm | null, options: RunOptions): Promise<HarmedRun> {
  const injector = (await harm?.prepare(engine)) ?? null
  const folder = join(options.parent, (harm?.name ?? 'nothing').replaceAll(' ', '-'))
  let injected: Injected = { done: [], failures: [] }
  try {
    await recorded(engine, injector, folder, options, async (untilMs) => {
      if (harm !== null && injector !== null) injected = await inject(harm, injector, untilMs, options.random)
      await sleep(Math.max(0, untilMs - performance.now()))
    })
  } finally {
    await injector?.close()
  }
  const { done, failures } = injected
  return { injections: done.length, failures, ...(await judgedRun(folder, harm, done)) }
}

async function recorded(
  engine: Engine,
  injector: Injector | null,
  folder: string,
  options: RunOptions,
  harms: (untilMs: number) => Promise<void>,
): Promise<void> {
  const prompts = join(options.parent, 'prompts.csv')
  writeFileSync(prompts, 'prompt\n"Tell a long story of the sea."\n"Tell a long story of a mountain."\n')
  const child = spawn(
    LAYERLINE,
    [
      ...['trace', '--prompts', prompts, '--url', injector?.url ?? engine.url, '--model', engine.model],
      ...[
        '--concurrency',
        String(CONCURRENCY),
        '--repeat',
        '100000',
        '--max-tokens',
        String(OUTPUT_TOKENS),
        '--ignore-eos',
      ],
      ...[
        '--engine-metrics',
        new URL('/metrics', engine.url).href,
        '--out',
        folder,
        '--quiet',
        ...['--warmup', String(WARMUP), '--temperature', '0', '--endpoint', 'completions'],
        ...(engine.stepLog === null ? [] : ['--step-log', engine.stepLog]),
        ...options.traceOptions,
      ],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = once(child, 'close')
  try {
    await firstTokens(engine, () => child.exitCode !== null)
    await sleep(CALM_MS)
    await harms(performance.now() + options.seconds * 1000)
  } finally {
    child.kill('SIGINT')
  }
  const [code] = await ended
  if (code !== 130) throw new Error(`layerline trace ended with ${code}: ${said}`)
}

/** The engine makes tokens: the command has begun. */
async function firstTokens(engine: Engine, over: () => boolean): Promise<void> {
  const made = async () => {
    const answer = await fetch(new URL('/metrics', engine.url)).catch(() => null)
    return Number(/^vllm:generation_tokens_total\{.*\} (\S+)$/m.exec((await answer?.text()) ?? '')?.[1] ?? 0)
  }
  const before = await made()
  const limit = performance.now() + START_LIMIT_MS
  while ((await made()) <= before) {
    if (over() || performance.now() > limit) return
    await sleep(200)
  }
}

/** What the report claims, beside what was done. */
async function judgedRun(
  folder: string,
  harm: Harm | null,
  done: readonly { fromNs: bigint; toNs: bigint }[],
): Promise<Pick<HarmedRun, 'p99Ms' | 'judged'>> {
  const reader = await openRun(folder)
  try {
    const base = BigInt(reader.run.clock_bases.run ?? '0')
    const times = done.map(({ fromNs, toNs }) => ({ from: Number(fromNs - base), to: Number(toNs - base) }))
    const gaps = await readGaps(reader, await usualGaps(reader))
    const explained = gaps === null ? [] : explainLate(gaps)
    const [row] = await reader.query(
      `SELECT quantile_disc(gap_ns, 0.99) / 1e6 AS p99 FROM ${TIMED_GAPS} WHERE gap_ns IS NOT NULL`,
    )
    return {
      p99Ms: Number(row?.p99),
      judged: summed(
        explained.map(({ gap, claimed }) => ({
          injected:
            harm !== null && times.some(({ from, to }) => from < gap.toNs && to > gap.fromNs) ? harm.cause : 'nothing',
          claimed,
          tokens: 1,
        })),
      ),
    }
  } finally {
    await reader.close()
  }
}

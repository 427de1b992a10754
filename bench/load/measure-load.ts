import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Percentile } from '../../src/analysis/intervals/distribution.ts'
import type { Report } from '../../src/analysis/report.ts'
import { packageFile } from '../../src/base/package-files.ts'
import { openRun } from '../../src/store/read/open-run.ts'
import { readRunJson } from '../../src/store/run-folder.ts'
import type { RunningPacedServer } from '../../test/paced-server/start.ts'
import type { Truth } from '../../test/paced-server/truth.ts'
import { quantile } from '../client/compare.ts'

const CLI = packageFile('bin/layerline')
const LIMIT_MS = 1_800_000

/** A run of `layerline load` as a user starts it, and what the server says that it did. */
export interface MeasuredLoad {
  readonly report: Report
  /** The whole process, from its start to its end. */
  readonly wallS: number
  readonly pacingCpuS: number | null
  /** TTFT by the server's own stamps, ms; null for answers as fast as they are read. */
  readonly truth: { readonly p50: number; readonly p99: number } | null
  /** Mean resident set of the client in its second and in its last minute, MB; null for runs under three. */
  readonly memory: { readonly secondMinuteMb: number; readonly lastMinuteMb: number } | null
}

/** `failing`: a load that may be more than the machine can do; otherwise a failed request is an error. */
export async function measureLoad(
  server: RunningPacedServer,
  args: readonly string[],
  { failing = false } = {},
): Promise<MeasuredLoad> {
  await server.clearTruth()
  const folder = await mkdtemp(join(tmpdir(), 'layerline-bench-load-'))
  const out = join(folder, 'run')
  try {
    const common = [
      '--url',
      server.url,
      '--endpoint',
      'completions',
      '--gpu',
      'none',
      '--quiet',
      '--json',
      '--out',
      out,
    ]
    const startMs = performance.now()
    const { stdout } = await promisify(execFile)(CLI, ['load', ...args, ...common], {
      timeout: LIMIT_MS,
      maxBuffer: 2 ** 26,
    })
    const wallS = (performance.now() - startMs) / 1000
    const report = JSON.parse(stdout) as Report
    if (!failing && report.offered.ok < report.offered.requests) {
      const why = report.failures.kinds.map(({ error }) => error).join('; ')
      throw new Error(
        `${report.offered.requests - report.offered.ok} requests failed (${why}); no figure comes of that`,
      )
    }
    const pacingCpuS = readRunJson(out).plan?.pacing_cpu_s ?? null
    return { report, wallS, pacingCpuS, truth: ttftOf(await server.truth()), memory: await memoryOf(out) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function memoryOf(out: string): Promise<MeasuredLoad['memory']> {
  const reader = await openRun(out)
  try {
    const [row] = await reader.query(`
      WITH m AS (SELECT t_ns / 1e9 AS t, value / 1e6 AS mb FROM named_counters
        WHERE name = 'rss_bytes' AND (attrs->>'role') = 'client'), last AS (SELECT max(t) AS t FROM m)
      SELECT avg(mb) FILTER (m.t BETWEEN 60 AND 120) AS second_minute, avg(mb) FILTER (m.t > last.t - 60) AS last_minute, max(m.t) AS seconds
      FROM m, last`)
    if (Number(row?.seconds) < 180) return null
    return { secondMinuteMb: Number(row?.second_minute), lastMinuteMb: Number(row?.last_minute) }
  } finally {
    await reader.close()
  }
}

/** The value of a percentile, or the largest where there are too few. */
export function percentileOf(percentile: Percentile | undefined): number {
  return percentile !== undefined && 'value' in percentile ? percentile.value : Number.NaN
}

function ttftOf({ requests }: Truth): MeasuredLoad['truth'] {
  const all = Object.values(requests).flatMap(({ first_ns, received_ns }) =>
    first_ns === null ? [] : [(first_ns - received_ns) / 1e6],
  )
  const sorted = Float64Array.from(all).sort()
  return sorted.length === 0 ? null : { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) }
}

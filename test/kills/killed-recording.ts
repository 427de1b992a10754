import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageFile } from '../../src/base/package-files.ts'
import { recoverRun } from '../../src/session/recover-run.ts'
import { openRun } from '../../src/store/read/open-run.ts'
import { clockBaseOf } from '../../src/trace/run-json.ts'
import type { PartialBehaviour } from '../paced-server/behaviour.ts'
import type { RunningPacedServer } from '../paced-server/start.ts'
import type { Truth } from '../paced-server/truth.ts'

/** How much is recorded when the kill comes. */
export interface Regime {
  readonly about: string
  readonly paced: PartialBehaviour
  readonly args: readonly string[]
}

const load = (concurrency: number, tokens: number, ...more: string[]): string[] => [
  ...['load', '--concurrency', String(concurrency), '--input-tokens', '20', '--output-tokens', String(tokens)],
  ...['--duration', '60', '--quiet', ...more],
]

export const REGIMES = {
  ordinary: {
    about: '1,000 events/s: 20 streams of one token each 20 ms',
    paced: { itl_ms: 20, jitter: 0.5 },
    args: load(20, 100),
  },
  texts: {
    about: '20,000 events/s with `--texts`: 100 streams of one token each 5 ms',
    paced: { itl_ms: 5, jitter: 0.5 },
    args: load(100, 300, '--texts'),
  },
  saturated: {
    about: 'more than 50,000 events/s asked for: 128 streams of one token each 2 ms',
    paced: { itl_ms: 2 },
    args: load(128, 1000),
  },
} as const satisfies Record<string, Regime>

/** What a kill cost, by the server's own account. */
export interface KillResult {
  /** Events that the server had written in the second before the kill. */
  readonly rate: number
  /** Events that the server had written when the kill came, and those of them in the recovered run. */
  readonly written: number
  readonly kept: number
  /** From when the server wrote the oldest event that is missing to the kill; 0: none is. */
  readonly lossMs: number
  /** From when the client read the newest event that is kept to the kill: what of it was read and not committed. The rest of the loss was never read. */
  readonly uncommittedMs: number
  /** Rows in the run that the server did not write, or not in this order. */
  readonly wrong: number
}

/** Records a server's answers with the command line, ends it by SIGKILL after `afterMs` of tokens, and recovers the run. */
export async function killedRecording(
  server: RunningPacedServer,
  regime: Regime,
  folder: string,
  afterMs: number,
): Promise<KillResult> {
  const out = join(folder, 'run')
  await server.setDefaults(regime.paced)
  await server.clearTruth()
  const before = await generated(server)
  const bin = packageFile('bin/layerline')
  const args = [...regime.args, '--url', server.url, '--model', 'paced', '--out', out]
  const child = spawn(bin, args, { cwd: folder, stdio: 'ignore' })
  const gone = once(child, 'exit')
  try {
    while ((await generated(server)) === before || !existsSync(join(out, 'run.json'))) {
      if (child.exitCode !== null) throw new Error(`layerline ended with ${child.exitCode} before it recorded`)
      await sleep(20)
    }
    await sleep(afterMs)
    const killedNs = process.hrtime.bigint()
    child.kill('SIGKILL')
    await gone
    const truth = await server.truth()
    await recoverRun(out)
    return await compared(out, truth, killedNs)
  } finally {
    child.kill('SIGKILL')
    await gone
    rmSync(out, { recursive: true, force: true })
  }
}

async function compared(out: string, truth: Truth, killed: bigint): Promise<KillResult> {
  const killedNs = Number(killed - BigInt(truth.base_ns))
  const run = await openRun(out)
  try {
    const rows = await run.query(
      'SELECT request_id, count(*)::INTEGER AS n, max("index")::INTEGER AS last, count(DISTINCT "index")::INTEGER AS d FROM chunks GROUP BY 1',
    )
    const kept = new Map(rows.map(({ request_id, n, last, d }) => [Number(request_id), { n, last, d }]))
    let [written, found, wrong, recent] = [0, 0, 0, 0]
    let oldestNs = killedNs
    for (const [id, { stamps }] of Object.entries(truth.requests)) {
      const there = kept.get(Number(/-(\d+)$/.exec(id)?.[1] ?? -1))
      const n = Number(there?.n ?? 0)
      // Each answer is kept from its first event on, without a hole.
      if (there !== undefined && (there.d !== n || Number(there.last) !== n - 1 || n > stamps.length)) wrong++
      written += stamps.filter((ns) => ns <= killedNs).length
      recent += stamps.filter((ns) => ns <= killedNs && ns > killedNs - 1e9).length
      found += n
      const missing = stamps[n]
      if (missing !== undefined && missing < oldestNs) oldestNs = missing
    }
    const [newest] = await run.query('SELECT max(t_ns) AS t_ns FROM chunks')
    const readNs = Number(newest?.t_ns ?? 0) + Number(clockBaseOf(run.run).monotonicBaseNs - BigInt(truth.base_ns))
    return {
      rate: recent,
      written,
      kept: found,
      lossMs: (killedNs - oldestNs) / 1e6,
      uncommittedMs: (killedNs - readNs) / 1e6,
      wrong,
    }
  } finally {
    await run.close()
  }
}

async function generated(server: RunningPacedServer): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/generation_tokens_total\{.*\} (\d+)/.exec(text)?.[1] ?? 0)
}

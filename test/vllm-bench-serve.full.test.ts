import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { definedFigures } from '../src/analysis/definitions/defined-figures.ts'
import { environmentPython } from '../src/engines/vllm/environment.ts'
import { installVllm } from '../src/engines/vllm/install.ts'
import { importRun } from '../src/imports/import-run.ts'
import { openRun } from '../src/store/read/open-run.ts'
import { startPacedServer } from './paced-server/start.ts'
import { CHECKOUT, cleanEnv, layerline, sqlRows } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

const MINUTES = 60_000
const SCRIPT = join(CHECKOUT, 'test', 'python', 'vllm_bench_serve.py')
const near = (found: number | null | undefined, expected: number, what: string) =>
  expect(Math.abs((found ?? Number.NaN) - expected), what).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(expected)))

test('vllm bench serve and we: its results here, our runs by its own formulas', { timeout: 15 * MINUTES }, async () => {
  const { engineFolder } = await installVllm({ model: null })
  const folder = tempFolder()
  const server = await startPacedServer({
    paced: { ttft_ms: 30, itl_ms: 3, jitter: 0.5, tokens: 12, role: 'at_once', finish: 'own_event' },
  })
  try {
    // A run with one connection per request, the role long before the first token, a finish reason alone, a warm-up.
    const rows = Array.from({ length: 12 }, (_, i) => JSON.stringify({ size: 8, id: `p${i}`, prompt: `word ${i}` }))
    writeFileSync(join(folder, 'prompts.jsonl'), rows.join('\n'))
    const traced = await layerline(folder, [
      ...['trace', '--prompts', 'prompts.jsonl', '--url', server.url, '--model', 'paced', '--concurrency', '3'],
      ...['--warmup', '2', '--repeat', '2', '--gpu', 'none', '--out', 'run', '--quiet'],
    ])
    expect(traced.code, traced.stderr).toBe(0)
    const exported = await layerline(folder, ['export', 'run', '--to', 'vllm-bench', '--out', 'ours.json'])
    expect(exported.code, exported.stderr).toBe(0)
    await server.setDefaults({ ttft_ms: 30, itl_ms: 3, jitter: 0.5 })
    const { stdout } = await promisify(execFile)(
      environmentPython(engineFolder),
      [SCRIPT, server.url, 'theirs.json', 'ours.json'],
      {
        cwd: folder,
        env: cleanEnv({ OMP_NUM_THREADS: '1', HF_HUB_OFFLINE: '1' }),
        maxBuffer: 1 << 26,
        timeout: 5 * MINUTES,
      },
    )

    // Ours, by their formulas.
    const ours = JSON.parse(readFileSync(join(folder, 'ours.json'), 'utf8'))
    const figures = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, number>
    expect(figures.completed).toBe(24)
    for (const [key, value] of Object.entries(figures)) near(ours[key], value, key)
    // The role's event is 30 ms before the first token: TTFT by their definition is not ours.
    const [own] = await sqlRows(
      folder,
      'run',
      "SELECT avg(first_token_ns - sent_ns) / 1e6 AS ttft FROM requests WHERE phase = 'measured'",
    )
    expect(Number(own?.ttft)).toBeGreaterThan(ours.mean_ttft_ms + 15)

    // Theirs, by our reading of their formulas.
    const theirs = JSON.parse(readFileSync(join(folder, 'theirs.json'), 'utf8'))
    const { folder: run } = await importRun(join(folder, 'theirs.json'), join(folder, 'theirs'))
    const reader = await openRun(run)
    try {
      const { distributions } = await definedFigures(reader, 'vllm')
      for (const { name, mean, std, p50, p99 } of distributions) {
        if (theirs[`mean_${name}`] === undefined) continue
        near(mean, theirs[`mean_${name}`], name)
        near(std, theirs[`std_${name}`], name)
        near(p50, theirs[`median_${name}`], name)
        near(p99, theirs[`p99_${name}`], name)
      }
    } finally {
      await reader.close()
    }
  } finally {
    await server.stop()
  }
})

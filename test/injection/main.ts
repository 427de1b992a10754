import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { errorText } from '../../src/base/errors.ts'
import { randomStream } from '../../src/base/random-stream.ts'
import type { Engine } from '../../src/engines/care/engine.ts'
import { coldStart } from './cold-start.ts'
import { installedModel, startEngine } from './engines.ts'
import { harmedRun, type RunOptions } from './harmed-run.ts'
import { HARMS } from './harms.ts'
import type { Harm } from './injectors/injector.ts'
import { addResults, type ColdResult, type HarmedResult, madeHere, type Results, readResults } from './results.ts'
import { resultTables } from './tables.ts'

/**
 * `npm run injection -- [--harms NAME,…] [--cold ENGINE,… --starts N] [--seconds N] [--seed N] [--skip-calm] [--keep] [--results FILE] [--json] [-- trace options]`:
 * harms an engine in known ways at known times while `layerline trace` records it, and scores what the report says of the late
 * tokens; starts engines with cold and warm page caches. Needs root for most. `--results` adds to what other uses measured.
 */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      harms: { type: 'string' },
      cold: { type: 'string' },
      starts: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      'skip-calm': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      results: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const wanted = values.harms?.split(',') ?? (values.cold === undefined ? HARMS.map(({ key }) => key) : [])
  const unknown = wanted.find((key) => !HARMS.some((each) => each.key === key))
  if (unknown !== undefined) {
    process.stderr.write(`injection: no harm ${unknown}; there are ${HARMS.map(({ key }) => key).join(', ')}\n`)
    return 2
  }
  const parent = mkdtempSync(join(tmpdir(), 'layerline-injection-'))
  const random = randomStream('injection', Number(values.seed))
  const seconds = Number(values.seconds)
  const options = { parent, seconds, random: () => random.uniform(), traceOptions: positionals }
  const results: Results = { harmed: [], cold: [] }
  const before = values.results === undefined ? results : readResults(values.results)
  const calm = values['skip-calm'] ? before.harmed.filter(({ cause }) => cause === null) : null
  try {
    for (const group of groups(HARMS.filter(({ key }) => wanted.includes(key)).map(({ harm }) => harm))) {
      results.harmed.push(...(await groupRuns(group, options, calm)))
    }
    for (const engine of (values.cold?.split(',') ?? []) as ColdResult['engine'][]) {
      const modelPath = await installedModel(engine)
      const starts = Array.from({ length: 2 * Number(values.starts) }, (_, i) => i % 2 === 0)
      for (const [i, dropped] of random.shuffled(starts).entries()) {
        say(`${engine} starts, weights ${dropped ? 'dropped' : 'in memory'} …`)
        results.cold.push(await coldStart(engine, modelPath, dropped, join(parent, `${engine}-start-${i}`)))
      }
    }
  } finally {
    if (values.keep) say(`runs are kept in ${parent}`)
    else rmSync(parent, { recursive: true, force: true })
  }
  if (values.results !== undefined) addResults(values.results, results)
  process.stdout.write(`${values.json ? JSON.stringify(results, null, 2) : resultTables(results)}\n`)
  return 0
}

/**
 * Runs of one engine: without faults, unless such runs exist, then with each fault. A failure in one does not stop the
 * others.
 */
async function groupRuns(
  group: [Harm, ...Harm[]],
  options: RunOptions,
  calm: readonly HarmedResult[] | null,
): Promise<HarmedResult[]> {
  const [{ engine: name, engineOptions }] = group
  const results: HarmedResult[] = []
  let engine: Engine | null = null
  const layers = layersOf(options.traceOptions, name)
  let calmP99 = calm?.find((each) => each.engine === name && each.layers === layers)?.p99_ms ?? null
  try {
    for (const harm of [...(calm === null ? [null] : []), ...group]) {
      const done = {
        ...{ harm: harm?.name ?? 'nothing', cause: harm?.cause ?? null, engine: name, seconds: options.seconds },
        ...{ layers, ...madeHere() },
      }
      say(`${name}: ${done.harm} …`)
      try {
        engine ??= await startEngine(name, engineOptions)
        const { p99Ms, ...run } = await harmedRun(engine, harm, options)
        if (harm === null) calmP99 = p99Ms
        for (const text of run.failures) say(`  ${text}`)
        results.push({ ...done, ...run, p99_ms: p99Ms, calm_p99_ms: calmP99, not_done: null })
      } catch (error) {
        say(`  not done: ${errorText(error)}`)
        const nothing = { injections: 0, failures: [], p99_ms: null, calm_p99_ms: null, judged: [] }
        results.push({ ...done, ...nothing, not_done: errorText(error) })
        // Whatever state it is in.
        await engine?.stop().catch(() => undefined)
        engine = null
      }
    }
  } finally {
    await engine?.stop()
  }
  return results
}

function layersOf(traceOptions: readonly string[], engine: Harm['engine']): string {
  const options = [...traceOptions, ...(engine === 'vllm' ? ['--step-log'] : [])]
  return options.length === 0 ? '/proc alone' : `\`${options.join(' ')}\``
}

/** Faults of one engine that is started the same way. */
function groups(harms: readonly Harm[]): [Harm, ...Harm[]][] {
  const all: [Harm, ...Harm[]][] = []
  for (const harm of harms) {
    const same = all.find(
      ([first]) =>
        first.engine === harm.engine && JSON.stringify(first.engineOptions) === JSON.stringify(harm.engineOptions),
    )
    if (same === undefined) all.push([harm])
    else same.push(harm)
  }
  return all
}

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

process.exitCode = await main()

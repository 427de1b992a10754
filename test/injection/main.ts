import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { randomStream } from '../../src/base/random-stream.ts'
import { startEngine } from './engines.ts'
import { type HarmedRun, harmedRun } from './harmed-run.ts'
import { HARMS } from './harms.ts'
import type { Harm } from './injectors/injector.ts'
import { confusionTable, scoreTable } from './tables.ts'

/**
 * `npm run injection -- [--harms NAME,…] [--seconds N] [--seed N] [--skip-calm] [--keep] [-- trace options]`: harms an engine in known ways at known times
 * while `layerline trace` records it, and scores what the report says of the late tokens. Needs root.
 */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      harms: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      'skip-calm': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const wanted = values.harms?.split(',') ?? HARMS.map(({ key }) => key)
  const unknown = wanted.find((key) => !HARMS.some((each) => each.key === key))
  if (unknown !== undefined) {
    process.stderr.write(`injection: no harm ${unknown}; there are ${HARMS.map(({ key }) => key).join(', ')}\n`)
    return 2
  }
  const parent = mkdtempSync(join(tmpdir(), 'layerline-injection-'))
  const random = randomStream('injection', Number(values.seed))
  const options = { parent, seconds: Number(values.seconds), random: () => random.uniform(), traceOptions: positionals }
  const runs: { harm: Harm; run: HarmedRun; calm: HarmedRun | null }[] = []
  try {
    for (const group of groups(HARMS.filter(({ key }) => wanted.includes(key)).map(({ harm }) => harm))) {
      const [{ engine: name, engineOptions }] = group
      say(`starting ${name} …`)
      const engine = await startEngine(name, engineOptions)
      try {
        if (!values['skip-calm']) say('nothing is done …')
        const calm = values['skip-calm'] ? null : await harmedRun(engine, null, options)
        for (const harm of group) {
          say(`${harm.name} …`)
          runs.push({ harm, run: await harmedRun(engine, harm, options), calm })
        }
      } finally {
        await engine.stop()
      }
    }
  } finally {
    if (values.keep) say(`runs are kept in ${parent}`)
    else rmSync(parent, { recursive: true, force: true })
  }
  if (values.json) process.stdout.write(`${JSON.stringify(runs, null, 2)}\n`)
  else process.stdout.write(`${scoreTable(runs)}\n\n${confusionTable(runs)}\n`)
  return 0
}

/** Harms of one engine that is started the same way. */
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

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { studentT975 } from '../src/analysis/intervals/cluster-interval.ts'
import { packageFile } from '../src/base/package-files.ts'
import { cacheFolder, cacheLayout } from '../src/engines/care/install/cache.ts'
import { environmentPython, pythonEnvironment } from '../src/engines/vllm/environment.ts'
import { installVllm } from '../src/engines/vllm/install.ts'
import { coreSettings } from '../src/engines/vllm/server-arguments.ts'
import { installStepLog } from '../src/engines/vllm/step-log.ts'
import { definitions, type Figure, figure, figureTable } from './client/figures.ts'

const WRAPPER = packageFile('bench/steplog/wrapper_cost.py')
const PLUGIN = packageFile('python/layerline_vllm')
const SCRIPT = packageFile('bench/steplog/engine_blocks.py')

interface Block {
  arm: 'on' | 'off'
  steps: number
  ns: number
  own_ns: number
}

/**
 * `node dist/bench/steplog.js [--quick] [--pairs N] [--requests N] [--seed N] [--model M] [--direct] [--json]`: what the step log costs vLLM, on a
 * CPU, with the small model of random weights or SmolLM2, `--model small`. Installs vLLM on first use; `--direct` measures the log's calls alone, without vLLM.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      pairs: { type: 'string' },
      requests: { type: 'string', default: '8' },
      seed: { type: 'string', default: '1' },
      model: { type: 'string', default: 'tiny' },
      direct: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const direct = await wrapperFigures()
  if (values.direct) {
    const told = values.json
      ? JSON.stringify({ figures: direct }, null, 2)
      : `${figureTable(direct)}\n\n${definitions(direct)}`
    process.stdout.write(`${told}\n`)
    return
  }
  const { engineFolder, modelPath } = await installVllm({ model: values.model === 'small' ? 'small' : 'tiny' })
  await installStepLog(cacheLayout(cacheFolder(process.env)), engineFolder, process.env)
  const pairs = values.pairs ?? (values.quick ? '8' : '60')
  const { requests, seed } = values
  const blocks = await measure(environmentPython(engineFolder), [
    ...[SCRIPT, '--model', modelPath, '--pairs', pairs, '--requests', requests, '--seed', seed],
  ])
  const figures = [...direct, ...figuresOf(blocks, Number(requests))]
  const cost = slowdown(blocks)
  const text = `log on against off, per step: ${percent(cost.mean)} (95 % interval ${percent(cost.low)} to ${percent(cost.high)}), ${cost.pairs} pairs of blocks in random order`
  if (values.json) process.stdout.write(`${JSON.stringify({ figures, slowdown: cost }, null, 2)}\n`)
  else process.stdout.write(`${figureTable(figures)}\n\n${text}\n\n${definitions(figures)}\n`)
}

/** What the log's two calls take for a step, by the requests in it. */
async function wrapperFigures(): Promise<Figure[]> {
  const child = spawn('python3', [WRAPPER], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONPATH: PLUGIN },
  })
  const figures: Figure[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const { requests, us, all_us } = JSON.parse(line) as { requests: number; us: number[]; all_us: number[] }
    figures.push(
      figure(`the log's calls, ${requests} requests`, 'us a step', "both, in the engine's thread", us),
      figure(
        `… and its lines, ${requests} requests`,
        'us a step',
        'the same and the CPU time of the thread that writes',
        all_us,
      ),
    )
  }
  return figures
}

/** The blocks in their order: two that follow one another are a pair. What comes before the first pair warms up. */
async function measure(python: string, args: readonly string[]): Promise<Block[]> {
  const child = spawn(python, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      VLLM_CPU_KVCACHE_SPACE: '1',
      VLLM_NO_USAGE_STATS: '1',
      HF_HUB_OFFLINE: '1',
      ...coreSettings(undefined),
      ...pythonEnvironment(process.env),
    },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000)
  })
  const ended = once(child, 'close')
  let blocks: Block[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{"')) continue
    const read = JSON.parse(line) as Block | { warm: true }
    if ('warm' in read) blocks = []
    else blocks.push(read)
  }
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw new Error(`the engine ended with ${code}: ${said}`)
  return blocks
}

function figuresOf(blocks: readonly Block[], requests: number): Figure[] {
  const of = (arm: Block['arm'], us: (block: Block) => number) => blocks.filter((each) => each.arm === arm).map(us)
  const step = ({ ns, steps }: Block) => ns / steps / 1e3
  return [
    figure(
      'step, log off',
      'us',
      `mean of a block's steps of the engine core, ${requests} requests decoding`,
      of('off', step),
    ),
    figure('step, log on', 'us', 'the same with the step log', of('on', step)),
    figure(
      'the log itself',
      'us a step',
      "measured directly: both calls of the log in the engine's thread, and the CPU time of the thread that writes",
      of('on', ({ own_ns, steps }) => own_ns / steps / 1e3),
    ),
    figure(
      'the log itself, of a step',
      '%',
      'the same by the step that it is in',
      of('on', ({ own_ns, ns }) => (100 * own_ns) / ns),
      1,
    ),
  ]
}

/** The mean over pairs of what the log adds to a step, and its 95 % interval (Student's t over the pairs' log ratios). */
function slowdown(blocks: readonly Block[]): { pairs: number; mean: number; low: number; high: number } {
  const ratios: number[] = []
  for (let i = 0; i + 1 < blocks.length; i += 2) {
    const pair = [blocks[i] as Block, blocks[i + 1] as Block]
    const perStep = (arm: Block['arm']) => {
      const { ns, steps } = pair.find((each) => each.arm === arm) as Block
      return ns / steps
    }
    ratios.push(Math.log(perStep('on') / perStep('off')))
  }
  const n = ratios.length
  const mean = ratios.reduce((a, b) => a + b, 0) / n
  const deviation = Math.sqrt(ratios.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (n - 1))
  const half = (studentT975(n - 1) * deviation) / Math.sqrt(n)
  const ratio = (log: number) => Math.exp(log) - 1
  return { pairs: n, mean: ratio(mean), low: ratio(mean - half), high: ratio(mean + half) }
}

function percent(ratio: number): string {
  return `${(100 * ratio).toFixed(2)} %`
}

await main()

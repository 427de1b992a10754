import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { LayerlineError } from '../../base/errors.ts'
import { NO_KERNELS_FILE, readKernelsFile } from '../../config/kernels-file.ts'
import type { BatchPlan } from '../../session/kernels/batch.ts'
import {
  distinctModels,
  listedModel,
  type ModelRef,
  modelRef,
  readModelList,
} from '../../session/kernels/models/models.ts'
import { deviceOf, type KernelPython } from '../../session/kernels/workers/kernel-python.ts'
import { chooseTracers, listTracers, pathArgs } from '../../session/kernels/workers/tracers.ts'
import type { KERNELS_RUN_OPTIONS } from '../options/option-groups.ts'
import type { OptionValues } from '../options.ts'

export type KernelsRunOptions = OptionValues<(typeof KERNELS_RUN_OPTIONS)[number]>

/** KernelTracer's own, seconds. */
const TIMEOUTS = { download: 3600, hf_trace: 900, vllm_trace: 1200, inactivity: 300 } as const

/** What is wrong with a command line that is found without any Python. */
export function checkKernelsOptions(options: KernelsRunOptions): void {
  if (options.framework === undefined) {
    throw new LayerlineError('usage/arguments', 'missing --framework: huggingface or vllm', {
      hint: 'layerline kernels --help',
    })
  }
  const { gpus, 'tensor-parallel-size': each = 1 } = options
  if (gpus !== undefined && gpus.length < each) {
    throw new LayerlineError(
      'usage/arguments',
      `--gpus ${gpus.join(',')}: ${gpus.length} for --tensor-parallel-size ${each}; expected as many at least`,
    )
  }
}

/** The models of a command line, each once. Throws where there is none. */
export function modelsFrom(options: KernelsRunOptions): ModelRef[] {
  // Of this command, `--model` may be given more than once; the table has it once for all commands.
  const single = (options.model ?? []) as unknown as readonly string[]
  const named = [
    ...single.map((text) => modelRef(text, '--model')),
    ...(options.models ?? []).map((text) => modelRef(text, '--models')),
    ...[options['model-list'], options['models-file']].flatMap((path) =>
      path === undefined ? [] : readModelList(path).map(({ text, from }) => listedModel(text, from)),
    ),
  ]
  if (named.length === 0) {
    throw new LayerlineError('usage/arguments', 'no model to trace; expected --model, --models or --model-list', {
      hint: 'layerline kernels --help',
    })
  }
  return distinctModels(named)
}

function skippedFrom(options: KernelsRunOptions): Set<string> {
  const files = [options['skip-model-list'], options['skip-models-file']]
  const listed = files.flatMap((path) => (path === undefined ? [] : readModelList(path).map(({ text }) => text)))
  return new Set([...(options['skip-models'] ?? []), ...listed])
}

/** All settings of a batch; asks the workers which tracers exist. */
export async function batchFrom(
  options: KernelsRunOptions,
  models: readonly ModelRef[],
  python: KernelPython,
): Promise<BatchPlan> {
  const { framework = '', mode = 'eval', gpus = [], 'tensor-parallel-size': gpusPerJob = 1 } = options
  const file = options.config === undefined ? NO_KERNELS_FILE : readKernelsFile(options.config, process.env)
  const paths = (options['tracer-path'] ?? []).map((path) => resolve(path))
  const device = await deviceOf(options.device ?? 'auto', python)
  const known = await listTracers(python, framework, paths)
  const traceKind = framework === 'vllm' ? 'vllm_trace' : 'hf_trace'
  return {
    python,
    framework,
    mode,
    device,
    tracers: chooseTracers(known, options.tracers ?? ['all'], { framework, mode, device }),
    models,
    skipModels: skippedFrom(options),
    outputDir: resolve(options['output-dir'] ?? 'outputs'),
    cacheDir: resolve(options['cache-dir'] ?? hubCache({ ...process.env, ...file.env.common })),
    workerArgs: [...workerArgs(options), ...pathArgs(paths)],
    trustRemoteCode: options['trust-remote-code'],
    allowPickle: options['allow-pickle'],
    offline: options.offline,
    env: file.env,
    timeouts: {
      download: options['download-timeout'] ?? file.timeouts.download ?? TIMEOUTS.download,
      trace: options['trace-timeout'] ?? file.timeouts[traceKind] ?? TIMEOUTS[traceKind],
      inactivity: options['hang-timeout'] ?? file.timeouts.inactivity ?? TIMEOUTS.inactivity,
    },
    force: options.force || !file.bypass,
    forceDownload: options['force-download'],
    downloadWorkers: options['download-workers'] ?? 4,
    jobs: options.jobs ?? Math.max(1, Math.floor(gpus.length / gpusPerJob)),
    gpus,
    gpusPerJob,
    continueOnFailure: file.continueOnFailure,
  }
}

/** Hugging Face's own: what its tools have fetched is not fetched again. */
function hubCache(env: NodeJS.ProcessEnv): string {
  return (
    env.HF_HUB_CACHE || join(env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'hub')
  )
}

function workerArgs(options: KernelsRunOptions): string[] {
  const values = {
    '--dtype': options.dtype,
    '--batch': options.batch,
    '--input-tokens': tokens(options, 'input-tokens'),
    '--output-tokens': tokens(options, 'output-tokens'),
    '--tensor-parallel-size': options['tensor-parallel-size'],
    '--seed': options.seed,
  }
  const switches = (['compile', 'trust-remote-code', 'allow-pickle'] as const).filter((name) => options[name])
  return [
    ...Object.entries(values).flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)])),
    ...switches.map((name) => `--${name}`),
  ]
}

/** A number here, where `load` takes a distribution. */
function tokens(options: KernelsRunOptions, name: 'input-tokens' | 'output-tokens'): number | undefined {
  const text = options[name]
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new LayerlineError('usage/arguments', `--${name} ${text}: expected a whole number from 1`)
}

import { join } from 'node:path'
import type { StartOptions } from '../care/engine.ts'
import type { CacheLayout } from '../care/install/cache.ts'
import { allowedCores, usableCores } from '../care/process/cores.ts'
import { pythonEnvironment } from './environment.ts'
import { type ModelChoice, trainedTokens } from './models.ts'
import type { Build } from './pins.ts'

/** The default token limit of a request: what the small model was trained for. */
const CONTEXT_TOKENS = 8192
/** vLLM's own budget of a step on a CPU. */
const LEAST_BATCHED_TOKENS = 2048

export interface VllmServer {
  build: Build
  model: ModelChoice
  /** Folder of the model, or its id. */
  modelPath: string
  host: string
  port: number
  /** Where its profiler writes. */
  profiles: string
  /** Where its scheduler's steps are logged. */
  stepLog: string
  options: Pick<StartOptions, 'contextTokens' | 'sequences' | 'otlpEndpoint' | 'extraArguments'>
}

/** The command line behind `python`. */
export function vllmArguments({ build, model, modelPath, host, port, profiles, options }: VllmServer): string[] {
  const room = maxModelLen(model, modelPath, options.contextTokens)
  return [
    // The package's own command fails in the CPU build: it looks for its metadata under another name.
    ['-m', 'vllm.entrypoints.openai.api_server'],
    ['--model', modelPath],
    ['--served-model-name', model.name],
    ['--host', host],
    ['--port', String(port)],
    ['--max-model-len', String(room)],
    ['--profiler-config', profilerConfig(profiles)],
    // Without it, usage does not say how much of a prompt came from the cache.
    ['--enable-prompt-tokens-details', '--disable-uvicorn-access-log'],
    build.kind === 'cpu' ? ['--enforce-eager', ...wholePrefills(room)] : [],
    options.sequences === undefined ? [] : ['--max-num-seqs', String(options.sequences)],
    options.otlpEndpoint === undefined ? [] : ['--otlp-traces-endpoint', options.otlpEndpoint],
    options.extraArguments ?? [],
  ].flat()
}

/** What our receiver reads; and spans are handed over soon, so that the end of a run need not wait for them. */
const OTLP = { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf', OTEL_BSP_SCHEDULE_DELAY: '500' } as const

/** Without call stacks: with them it takes tens of seconds, in which nothing is answered, to write a second of traffic. */
function profilerConfig(folder: string): string {
  return JSON.stringify({ profiler: 'torch', torch_profiler_dir: folder, torch_profiler_with_stack: false })
}

/**
 * vLLM 0.32 on a CPU crashes, for all clients, at a request with a seed whose prompt is computed in pieces ("CPU
 * Generator does not use offset"). So prompts are computed whole, if their maximum length is known.
 */
function wholePrefills(room: number | 'auto'): string[] {
  if (room === 'auto') return []
  return ['--no-enable-chunked-prefill', '--max-num-batched-tokens', String(Math.max(room, LEAST_BATCHED_TOKENS))]
}

/** Bounded by what the model was trained for; of a model that is still to be fetched vLLM finds out. */
function maxModelLen(model: ModelChoice, path: string, asked: number | undefined): number | 'auto' {
  if (model.kind === 'id') return asked ?? 'auto'
  const trained = trainedTokens(path)
  if (trained === undefined) return asked ?? 'auto'
  return Math.min(asked ?? CONTEXT_TOKENS, trained)
}

/**
 * Its environment: no usage reports, caches in Layerline's cache folder, and one core left for the tracer. The user's
 * own settings win.
 */
export function vllmEnvironment(
  server: VllmServer,
  layout: CacheLayout,
  threads: number | undefined,
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const cpu = {
    VLLM_CPU_KVCACHE_SPACE: '1',
    ...coreSettings(threads),
  }
  return {
    VLLM_NO_USAGE_STATS: '1',
    DO_NOT_TRACK: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    VLLM_CACHE_ROOT: join(layout.root, 'vllm'),
    VLLM_CONFIG_ROOT: join(layout.root, 'vllm'),
    LAYERLINE_STEP_LOG: server.stepLog,
    ...(server.options.otlpEndpoint === undefined ? {} : OTLP),
    ...(server.model.kind === 'id' ? {} : { HF_HUB_OFFLINE: '1' }),
    ...(server.build.kind === 'cpu' ? cpu : {}),
    ...pythonEnvironment(env),
  }
}

/**
 * vLLM takes all cores but one by default. It does not see a container's CPU quota, and fails on a machine with one
 * core; there, and if a number of threads is requested, it gets its cores from here.
 */
export function coreSettings(
  threads: number | undefined,
  allowed: number[] = allowedCores(),
  usable: number = usableCores(),
): Record<string, string> {
  const unseen = allowed.length <= 1 || usable < allowed.length
  if (allowed.length === 0 || (threads === undefined && !unseen)) return {}
  const count = threads ?? Math.max(1, usable - 1)
  return { VLLM_CPU_OMP_THREADS_BIND: allowed.slice(0, count).join(',') }
}

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { LayerlineError } from '../../base/errors.ts'
import { packageFile } from '../../base/package-files.ts'
import type { CacheLayout } from '../care/install/cache.ts'
import { fileDigest, hasStamp, writeStamp } from '../care/install/checked-file.ts'
import { installModel, MODEL, modelReady, smallModelFile } from '../care/install/small-model.ts'
import type { InstallStep } from '../care/progress.ts'
import { runTool } from '../care/tool.ts'
import { environmentPython, pythonEnvironment } from './environment.ts'

/**
 * Models that Layerline makes: `small` from the GGUF of the managed small model, `tiny` with random weights, for fast
 * tests.
 */
export const PREPARED = {
  small: { name: MODEL.name, text: `preparing ${MODEL.name} for vLLM` },
  tiny: { name: 'tiny-llama', text: 'making a tiny model of random weights' },
} as const

export type PreparedKind = keyof typeof PREPARED

/** What vLLM is to load. */
export type ModelChoice =
  | { kind: PreparedKind; name: string }
  | { kind: 'folder'; name: string; path: string }
  | { kind: 'id'; name: string; id: string }

const STAMP = '.layerline-complete'

/** Beside the sources, like all that is not JavaScript. */
const SCRIPT = packageFile('python/layerline_engines/prepare_model.py')

/** What `--model` means: nothing, `tiny`, a folder, or an id that vLLM fetches. Throws input/model for anything else. */
export function chooseModel(given: string | undefined): ModelChoice {
  if (given === undefined) return { kind: 'small', name: PREPARED.small.name }
  if (given === 'tiny') return { kind: 'tiny', name: PREPARED.tiny.name }
  const path = resolve(given)
  if (existsSync(path)) {
    if (existsSync(join(path, 'config.json'))) return { kind: 'folder', name: basename(path), path }
    const what = statSync(path).isDirectory() ? 'has no config.json' : 'is a file'
    throw unservable(`${path} ${what}`)
  }
  if (/^[\w-][\w.-]*\/[\w.-]+$/.test(given)) return { kind: 'id', name: given, id: given }
  throw unservable(`${given} does not exist`)
}

function unservable(what: string): LayerlineError {
  return new LayerlineError(
    'input/model',
    `${what}; vLLM serves a model folder (config.json, safetensors, tokenizer).`,
    {
      hint: 'Give --model such a folder or an id ORGANISATION/NAME, or omit it for the small model that comes with Layerline.',
    },
  )
}

/** Where a prepared model lies. */
export function preparedFolder(layout: CacheLayout, kind: PreparedKind): string {
  return join(layout.models, PREPARED[kind].name)
}

function stampContent(kind: PreparedKind): string {
  const script = createHash('sha256').update(readFileSync(SCRIPT)).digest('hex')
  return JSON.stringify({ script, ...(kind === 'small' ? { gguf: MODEL.sha256 } : {}) })
}

export function preparedReady(layout: CacheLayout, kind: PreparedKind): boolean {
  return hasStamp(join(preparedFolder(layout, kind), STAMP), stampContent(kind))
}

/** Makes a model with the environment's Python in the staging folder, then moves it into place. */
export async function prepareModel(step: InstallStep, environment: string, kind: PreparedKind): Promise<void> {
  const { layout } = step
  if (kind === 'small' && !modelReady(layout)) await installModel(step)
  const stage = join(layout.staging, PREPARED[kind].name)
  rmSync(stage, { recursive: true, force: true })
  step.onProgress({ name: `prepare-${kind}`, done: 0, total: 0, unit: '', text: PREPARED[kind].text })
  const args = kind === 'small' ? ['gguf', smallModelFile(layout), stage] : ['tiny', stage]
  await runTool(environmentPython(environment), [SCRIPT, ...args], {
    cwd: layout.staging,
    env: { ...pythonEnvironment(step.env), HF_HUB_OFFLINE: '1', HF_HUB_DISABLE_TELEMETRY: '1' },
  })
  writeStamp(join(stage, STAMP), stampContent(kind))
  const folder = preparedFolder(layout, kind)
  mkdirSync(layout.models, { recursive: true })
  rmSync(folder, { recursive: true, force: true })
  renameSync(stage, folder)
}

/** One checksum for the weights of a model folder: the file's, or that of the list of all files' and their names. */
export async function weightsSha256(folder: string): Promise<string | null> {
  const files = readdirSync(folder)
    .filter((name) => /\.(safetensors|bin|pt)$/.test(name))
    .sort()
  const digests = await Promise.all(files.map((name) => fileDigest(join(folder, name), 'sha256')))
  if (digests.length <= 1) return digests[0]?.toString('hex') ?? null
  const all = createHash('sha256')
  for (const [i, digest] of digests.entries()) all.update(`${digest.toString('hex')}  ${files[i]}\n`)
  return all.digest('hex')
}

/** Tokens that a model folder was trained for, or undefined where its config.json does not say. */
export function trainedTokens(folder: string): number | undefined {
  try {
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
      max_position_embeddings?: unknown
    }
    const tokens = config.max_position_embeddings
    return typeof tokens === 'number' && Number.isInteger(tokens) && tokens > 0 ? tokens : undefined
  } catch {
    return undefined
  }
}

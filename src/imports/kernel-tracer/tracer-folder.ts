import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { readSmallFile } from '../../base/small-file.ts'
import { atenOps, atenTextOps, compiledKernels, fxOps } from './graphs.ts'
import { kernelCsvOps } from './kernel-csv.ts'
import type { KernelTotal, OpTotal } from './op-totals.ts'
import { dispatchOps, kernelProfileOps, torchProfileOps, vllmProfileOps } from './profiles.ts'

/** One file of a tracer, read. */
export interface TracerFile {
  readonly path: string
  readonly ops: readonly OpTotal[]
  /** Of no operator. */
  readonly kernels: readonly KernelTotal[]
}

/** What the marker beside the files says, and where that is silent, where they lie. */
export interface TracerOrigin {
  readonly tracer: string
  readonly model: string | null
  readonly framework: string | null
  readonly mode: string | null
  readonly device: string | null
  readonly success: boolean | null
}

interface Known {
  readonly pattern: RegExp
  /** Another file with more details; this one is read only if that is missing or empty. */
  readonly unless?: (path: string) => string
  read(
    path: string,
    stacks: boolean,
  ): Promise<Pick<TracerFile, 'ops' | 'kernels'>> | Pick<TracerFile, 'ops' | 'kernels'>
}

const ops = (found: readonly OpTotal[]) => ({ ops: found, kernels: [] })

/** The files of KernelTracer, by name. */
const KNOWN: readonly Known[] = [
  { pattern: /^torch_profile\.json$/, read: (path, stacks) => torchProfileOps(json(path), stacks) },
  { pattern: /^vllm_profile\.json$/, read: (path) => ops(vllmProfileOps(json(path))) },
  { pattern: /^(torch|vllm)_kernel_profile\.json$/, read: (path) => ops(kernelProfileOps(json(path))) },
  {
    pattern: /^(torch|vllm)_kernel_profile\.csv$/,
    unless: (path) => path.replace(/csv$/, 'json'),
    read: async (path) => ops(await kernelCsvOps(path)),
  },
  { pattern: /^torch_dispatch\.json$/, read: (path) => ops(dispatchOps(json(path))) },
  { pattern: /^print_fx\.json$/, read: (path) => ops(fxOps(json(path))) },
  { pattern: /^print_aten\.json$/, read: (path) => ops(atenOps(json(path))) },
  {
    pattern: /^print_aten\.txt$/,
    unless: (path) => path.replace(/txt$/, 'json'),
    read: (path) => ops(atenTextOps(text(path))),
  },
  { pattern: /^torch_inductor_kernels\.json$/, read: (path) => ({ ops: [], kernels: compiledKernels(json(path)) }) },
]

const MARKER = '_TRACE_STATUS.json'
/** JavaScript strings cannot be longer. */
const MOST_BYTES = 512 << 20

/** The folders with a tracer's files in or below a folder, sorted; of a file of a tracer the file itself. */
export function tracerPlaces(path: string): string[] {
  if (statSync(path).isFile()) return KNOWN.some(({ pattern }) => pattern.test(basename(path))) ? [path] : []
  const entries = readdirSync(path, { withFileTypes: true })
  const own = entries.some((entry) => entry.isFile() && KNOWN.some(({ pattern }) => pattern.test(entry.name)))
  // Below a tracer's folder lie its run and what compilers left.
  if (own) return [path]
  return entries
    .filter((entry) => entry.isDirectory() && !/^[._]/.test(entry.name))
    .flatMap((entry) => tracerPlaces(join(path, entry.name)))
    .sort()
}

/** Reads every file that is known in a tracer's folder, or one file. Throws `input/import-value` with the file. */
export async function readTracerFiles(place: string, stacks: boolean): Promise<TracerFile[]> {
  const isFile = statSync(place).isFile()
  const paths = isFile
    ? [place]
    : readdirSync(place)
        .sort()
        .map((name) => join(place, name))
  const files: TracerFile[] = []
  for (const path of paths) {
    const known = KNOWN.find(({ pattern }) => pattern.test(basename(path)))
    const better = known?.unless?.(path)
    if (known === undefined || (!isFile && better !== undefined && hasContent(better))) continue
    try {
      files.push({ path, ...(await known.read(path, stacks)) })
    } catch (error) {
      if (error instanceof LayerlineError) throw error
      const [issue] = error instanceof z.ZodError ? error.issues : []
      const why = issue === undefined ? errorText(error) : `${issue.path.join('.') || 'the whole'}: ${issue.message}`
      throw new LayerlineError('input/import-value', `${path}: ${why}`, { cause: error })
    }
  }
  return files
}

const markerSchema = z.looseObject({
  tracer: z.string().nullish(),
  framework: z.string().nullish(),
  mode: z.string().nullish(),
  device: z.string().nullish(),
  success: z.boolean().nullish(),
  facts: z.looseObject({ model_id: z.string().nullish() }).nullish(),
})

/** Whose files these are. `root`: the folder of all traces, below which a model's name is a path. */
export function originOf(place: string, root: string): TracerOrigin {
  const folder = statSync(place).isFile() ? dirname(place) : place
  const marker = readMarker(join(folder, MARKER))
  const [tracer = '', mode = '', ...model] = folder.slice(root.length).split('/').filter(Boolean).reverse()
  const inTree = model.length > 0
  return {
    tracer: marker?.tracer ?? basename(folder),
    model: inTree && tracer !== '' ? model.reverse().join('/') : (marker?.facts?.model_id ?? null),
    framework: marker?.framework ?? null,
    mode: marker?.mode ?? (inTree ? mode : null),
    device: marker?.device ?? null,
    success: marker?.success ?? null,
  }
}

function readMarker(path: string) {
  if (!existsSync(path)) return null
  try {
    return markerSchema.parse(JSON.parse(readSmallFile(path, 1 << 20).toString('utf8')))
  } catch {
    return null
  }
}

/** A list or map with nothing in it has at most some brackets. */
function hasContent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 4
}

function json(path: string): unknown {
  return JSON.parse(text(path))
}

function text(path: string): string {
  const { size } = statSync(path)
  if (size < MOST_BYTES) return readFileSync(path, 'utf8')
  throw new LayerlineError('input/import-value', `${path}: ${Math.round(size / 2 ** 20)} MiB; expected less than 512`, {
    hint: 'import the Kineto profile that it was made from',
  })
}

import { LayerlineError } from '../../base/errors.ts'
import { type PreparedSource, sourceOff } from '../source.ts'
import type { GpuSourceOptions } from './gpu-options.ts'
import { GPU_SOURCES, type GpuSourceKind, type GpuTarget } from './gpu-sources.ts'

const WITHOUT = 'or record without GPU samples: --gpu none'

/**
 * Finds out whether a run can sample its GPUs, before it starts. A source that was named and does not work throws;
 * `auto` is off then, with the reason in `problem`. Null for `none`.
 */
export async function prepareGpu(target: GpuTarget, options: GpuSourceOptions): Promise<PreparedSource | null> {
  if (target.kind === 'auto') return prepareAuto(options)
  try {
    return await prepare(target, options)
  } catch (error) {
    if (!(error instanceof LayerlineError)) throw error
    const hint = error.hint === undefined ? WITHOUT : `${error.hint}; ${WITHOUT}`
    throw new LayerlineError(error.code as 'missing/gpu', error.message, { hint, cause: error })
  }
}

async function prepare<K extends GpuSourceKind>(
  target: Extract<GpuTarget, { kind: K }>,
  options: GpuSourceOptions,
): Promise<PreparedSource | null> {
  const { load } = GPU_SOURCES[target.kind] as unknown as {
    load: (() => Promise<(target: GpuTarget, options: GpuSourceOptions) => Promise<PreparedSource>>) | null
  }
  return load === null ? null : (await load())(target, options)
}

/**
 * The first of this machine's tools that works; if none does, the first that failed for another reason than being
 * absent.
 */
async function prepareAuto(options: GpuSourceOptions): Promise<PreparedSource> {
  const problems: LayerlineError[] = []
  for (const [kind, { absent }] of Object.entries(GPU_SOURCES)) {
    if (absent === undefined) continue
    try {
      const found = await prepare({ kind } as GpuTarget, options)
      if (found !== null) return found
    } catch (error) {
      if (!(error instanceof LayerlineError)) throw error
      problems.push(error)
    }
  }
  const reported = problems.find(({ code }) => !ABSENT.has(code)) ?? problems[0]
  return sourceOff(`gpu: off: ${reported?.message}${reported?.hint === undefined ? '' : `; ${reported.hint}`}`)
}

const ABSENT = new Set(Object.values(GPU_SOURCES).map(({ absent }) => absent))

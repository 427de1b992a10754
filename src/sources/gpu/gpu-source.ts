import { LayerlineError } from '../../base/errors.ts'
import { type PreparedSource, sourceOff } from '../source.ts'
import { prepareDcgm } from './dcgm.ts'
import type { GpuTarget } from './gpu-target.ts'
import { prepareLocalSmi, type SmiSourceOptions } from './smi/local-smi.ts'
import { prepareSshSmi } from './ssh/ssh-smi.ts'

const WITHOUT = 'or record without GPU samples: --gpu none'

/**
 * Finds out whether a run can sample its GPUs, before it begins. What was asked for by name and does not work throws;
 * `auto` is off then, with the reason in `problem`. Null for `none`.
 */
export async function prepareGpu(target: GpuTarget, options: SmiSourceOptions): Promise<PreparedSource | null> {
  if (target.kind === 'none') return null
  if (target.kind === 'auto') {
    try {
      return await prepareLocalSmi(options)
    } catch (error) {
      if (!(error instanceof LayerlineError)) throw error
      return sourceOff(`gpu: off: ${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`)
    }
  }
  try {
    if (target.kind === 'local') return await prepareLocalSmi(options)
    return target.kind === 'ssh' ? await prepareSshSmi(target, options) : await prepareDcgm(target.url, options)
  } catch (error) {
    if (!(error instanceof LayerlineError)) throw error
    const hint = error.hint === undefined ? WITHOUT : `${error.hint}; ${WITHOUT}`
    throw new LayerlineError(error.code as 'missing/gpu', error.message, { hint, cause: error })
  }
}

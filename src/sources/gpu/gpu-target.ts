import { LayerlineError } from '../../base/errors.ts'
import type { SshSettings } from '../ssh/ssh-target.ts'
import { GPU_SOURCES, type GpuTarget } from './gpu-sources.ts'

const FORMS = Object.values(GPU_SOURCES).map(({ form }) => form)
const EXPECTED = `expected ${FORMS.slice(0, -1).join(', ')} or ${FORMS.at(-1)}`

/** Parses the value of `--gpu`. `place` is where it was given, for the error `usage/gpu`. */
export function parseGpuTarget(text: string, place = '--gpu', ssh: SshSettings = {}): GpuTarget {
  const wrong = (why: string): LayerlineError => new LayerlineError('usage/gpu', `${place} ${text}: ${why}`)
  for (const { parse } of Object.values(GPU_SOURCES)) {
    const target = parse(text, { ssh, wrong })
    if (target !== null) return target
  }
  throw wrong(EXPECTED)
}

import { LayerlineError } from '../base/errors.ts'
import type { ServerInfo } from '../sources/requests/probe.ts'
import type { Target } from '../sources/requests/target.ts'

/** The model to ask for: the one named, which the server must have if it lists any, else the only one it has. */
export function chooseModel(server: ServerInfo, wanted: string | undefined, target: Target): string {
  const ids = server.models.map(({ id }) => id)
  const has = `the server has: ${ids.join(', ')}`
  if (wanted !== undefined) {
    if (ids.length === 0 || ids.includes(wanted)) return wanted
    throw new LayerlineError('input/model', `${target.url}: no model ${wanted} there`, { hint: has })
  }
  if (ids.length === 1) return ids[0] as string
  throw new LayerlineError('usage/model', `${target.url}: the server has ${ids.length} models; expected --model`, {
    hint: ids.length === 0 ? 'name the model with --model' : has,
  })
}

import { isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import type { z } from 'zod'
import { errorText, LayerlineError } from '../base/errors.ts'
import { nearestName } from './nearest-name.ts'

type Path = readonly (string | number)[]

export interface YamlRules<S extends z.ZodType> {
  schema: S
  /** What was expected where the file is no map: `settings, as in …`. */
  expected: string
  /** What a key is called in errors: `setting`. */
  noun: string
  /** The known keys of the map at a path, to compare an unknown one with. */
  known(path: Path): readonly string[]
}

export interface YamlDocument<T> {
  value: T
  /** As it was before the schema read it. */
  written: Record<string, unknown>
  /** Of the key, or of the list's item, at a path: `plan.yaml:3:6`. */
  placeOf(path: Path): string
}

/**
 * Parses and checks YAML; null if it is empty. Faults are errors `input/yaml` with file, line and column; an unknown
 * key comes with the nearest known one.
 */
export function yamlDocument<S extends z.ZodType>(
  text: string,
  path: string,
  rules: YamlRules<S>,
): YamlDocument<z.output<S>> | null {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${path}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
  const wrong = (offset: number, what: string, hint?: string) =>
    new LayerlineError('input/yaml', `${place(offset)}: ${what}`, hint === undefined ? {} : { hint })
  const [syntax] = document.errors
  if (syntax !== undefined) throw wrong(syntax.pos[0], syntax.message)
  const root = document.contents
  if (root === null || (isScalar(root) && root.value === null)) return null
  if (!isMap(root)) throw wrong(startOf(root), `expected ${rules.expected}`)
  /** The node at a path, or, where nothing is there, what it would be in. */
  const nodeAt = (at: Path): Node => {
    const node = at.length === 0 ? root : document.getIn(at, true)
    return isNode(node) ? node : nodeAt(at.slice(0, -1))
  }
  let plain: unknown
  try {
    plain = document.toJS()
  } catch (cause) {
    throw wrong(startOf(root), errorText(cause))
  }
  const parsed = rules.schema.safeParse(plain)
  if (parsed.success) {
    return {
      value: parsed.data,
      written: plain as Record<string, unknown>,
      placeOf(at) {
        const key = at.at(-1)
        return place(typeof key === 'string' ? keyStart(nodeAt(at.slice(0, -1)), key) : startOf(nodeAt(at)))
      },
    }
  }
  const [issue] = parsed.error.issues
  const at = (issue?.path ?? []).filter((key) => typeof key !== 'symbol')
  if (issue?.code !== 'unrecognized_keys') {
    const missing = at.length > 0 && document.getIn(at, true) === undefined
    throw wrong(startOf(nodeAt(at)), missing ? `${nameOf(at)} is missing` : `${nameOf(at)}: ${issue?.message}`)
  }
  const [key = ''] = issue.keys
  const known = rules.known(at)
  const near = nearestName(key, known)
  throw wrong(
    keyStart(nodeAt(at), key),
    `unknown ${rules.noun} \`${key}\``,
    near === null ? `${rules.noun}s: ${known.join(', ')}` : `did you mean \`${near}\`?`,
  )
}

/** `targets[0].url` */
function nameOf(path: Path): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('')
  return text.replace(/^\./, '')
}

function keyStart(map: Node, key: string): number {
  const pair = isMap(map) ? map.items.find((item) => isScalar(item.key) && String(item.key.value) === key) : undefined
  return isNode(pair?.key) ? startOf(pair.key) : startOf(map)
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0
}

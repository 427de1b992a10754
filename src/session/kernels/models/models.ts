import { createHash } from 'node:crypto'
import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { errorText, LayerlineError } from '../../../base/errors.ts'
import { refuseForeign } from '../../../base/foreign-file.ts'
import { readSmallFile } from '../../../base/small-file.ts'

/** A model to trace: a folder here, or an id of a hub. */
export interface ModelRef {
  /** As it was named, a folder by its whole path: its name in all that is printed and kept. */
  readonly name: string
  readonly path: string | null
  /** Why it cannot be traced, where that was found when it was named. */
  readonly wrong?: string
}

/** Reads what names a model: a folder with a config.json, else ORGANISATION/NAME. `from` names the place in errors. */
export function modelRef(text: string, from: string): ModelRef {
  const path = resolve(text)
  const isId = /^[\w-][\w.-]*(\/[\w-][\w.-]*)?$/.test(text)
  if (!existsSync(path) || (isId && !existsSync(join(path, 'config.json')))) {
    if (isId) return { name: text, path: null }
    throw new LayerlineError(
      'input/model',
      `${from}: ${text}: no such folder; expected a model's folder or ORGANISATION/NAME`,
    )
  }
  if (!statSync(path).isDirectory() || !existsSync(join(path, 'config.json'))) {
    throw new LayerlineError('input/model', `${from}: ${path}: no config.json in it; expected a model's folder`)
  }
  return { name: realpathSync(path), path: realpathSync(path) }
}

const MOST_LIST_BYTES = 16 << 20

/** The same of a line of a list: what is no model does not stop the others, and says why. */
export function listedModel(text: string, from: string): ModelRef {
  try {
    return modelRef(text, from)
  } catch (error) {
    if (!(error instanceof LayerlineError)) throw error
    return { name: resolve(text), path: resolve(text), wrong: error.message }
  }
}

/** The lines of a list of models: one per line, `#` begins a comment. */
export function readModelList(path: string): { text: string; from: string }[] {
  let text: string
  try {
    text = readSmallFile(path, MOST_LIST_BYTES).toString('utf8')
  } catch (cause) {
    throw new LayerlineError('input/model-list', `${path}: ${errorText(cause)}`, { cause })
  }
  refuseForeign(path, Buffer.from(text.slice(0, 4096)), 'input/model-list', 'a model a line')
  return text.split(/\r?\n/).flatMap((line, i) => {
    const model = line.replace(/(^|\s)#.*$/, '').trim()
    return model === '' ? [] : [{ text: model, from: `${path}:${i + 1}` }]
  })
}

/** Each model once, in the order it was first named. */
export function distinctModels(models: readonly ModelRef[]): ModelRef[] {
  return [...new Map(models.map((model) => [model.name, model])).values()]
}

/** Whether a list of names has a model: by its name, its path, or the last part of either. */
export function isSkipped(model: ModelRef, skip: ReadonlySet<string>): boolean {
  return (
    skip.has(model.name) ||
    (model.path !== null && (skip.has(basename(model.path)) || [...skip].some((name) => resolve(name) === model.path)))
  )
}

/**
 * Where a model's traces go, below the folder of all: an id's own parts, as KernelTracer does
 * (`Qwen/Qwen3-4B`); of a folder its last part. Characters that do not suit a file's name become `_`. `taken` says which
 * model a folder belongs to already: another one's gets eight digits of a hash behind.
 */
export function modelFolder(model: ModelRef, taken: (folder: string) => string | undefined): string {
  const parts = (model.path === null ? model.name.split('/') : [basename(model.path)]).map(safePart)
  const folder = parts.join('/')
  const owner = taken(folder)
  if (owner === undefined || owner === model.name) return folder
  return `${folder}-${createHash('sha256').update(model.name).digest('hex').slice(0, 8)}`
}

/** Names that start with a dot or an underscore are reserved for Layerline. */
function safePart(part: string): string {
  return part.replaceAll(/[^\w.-]/g, '_').replace(/^[._]+/, 'm_')
}

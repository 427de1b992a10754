import { asObject, type Json } from './stream/json.ts'

export interface ServedModel {
  id: string
  max_model_len: number | null
  /** Where the server loaded it from. */
  root?: string
}

/** What a server's list of models says, and what of it could not be read. */
export interface ModelList {
  models: ServedModel[]
  owners: string[]
  notes: string[]
}

/** Where servers put the longest prompt and answer together: vLLM and SGLang, OpenRouter, Groq. */
const LENGTHS = ['max_model_len', 'context_length', 'context_window'] as const

/**
 * Reads the JSON of `/models`: `{"data": […]}`, a bare list, or Ollama's `{"models": […]}`; `data` may be null or
 * absent. Entries that name no model are skipped. Null if the JSON is not a list of models at all.
 */
export function readModelList(json: unknown): ModelList | null {
  const entries = entriesOf(json)
  if (entries === null) return null
  const list: ModelList = { models: [], owners: [], notes: [] }
  let odd = 0
  for (const value of entries) {
    const entry = typeof value === 'string' ? { id: value } : asObject(value)
    const id = entry === null ? undefined : [entry.id, entry.name, entry.model].find(isName)
    if (entry === null || typeof id !== 'string') {
      odd++
      continue
    }
    list.models.push({ id, max_model_len: lengthOf(entry, id, list.notes), ...rootOf(entry) })
    if (typeof entry.owned_by === 'string') list.owners.push(entry.owned_by)
  }
  if (odd > 0) list.notes.push(`${odd} of its ${entries.length} models have no name that can be read`)
  return list
}

function entriesOf(json: unknown): readonly unknown[] | null {
  if (Array.isArray(json)) return json
  const body = asObject(json)
  if (body === null) return null
  if (Array.isArray(body.data)) return body.data
  if (Array.isArray(body.models)) return body.models
  // Ollama without a model: `{"object": "list", "data": null}`.
  return body.object === 'list' || body.data === null || body.models === null ? [] : null
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function lengthOf(entry: Json, id: string, notes: string[]): number | null {
  const meta = asObject(entry.meta)
  for (const value of [...LENGTHS.map((key) => entry[key]), meta?.n_ctx, meta?.n_ctx_train]) {
    if (value === undefined || value === null) continue
    const length = Number(value)
    if (Number.isInteger(length) && length > 0) return length
    notes.push(`the length of model ${id} is given as ${JSON.stringify(value)}, not a whole number above 0`)
  }
  return null
}

function rootOf({ root }: Json): { root?: string } {
  return typeof root === 'string' ? { root } : {}
}

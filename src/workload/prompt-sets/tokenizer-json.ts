import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode, errorText, LayerlineError } from '../../base/errors.ts'
import { refuseForeign } from '../../base/foreign-file.ts'
import { readSmallFile } from '../../base/small-file.ts'
import type { Tokenizer } from './tokenizer.ts'

/** The largest of today's models are of 35 MB. */
const MOST_BYTES = 256 * 2 ** 20

/**
 * A model's `tokenizer.json`, or the folder that holds it; `tokenizer_config.json` beside it is read where there is one.
 * Throws `input/tokenizer`: nothing there, not JSON, not such a file, or of a kind that cannot be read.
 */
export async function tokenizerFromFile(path: string): Promise<Tokenizer> {
  const { file, identity, value } = await readTokenizerJson(path)
  const configFile = join(dirname(file), 'tokenizer_config.json')
  const config = existsSync(configFile) ? readObject(configFile) : { value: {} }
  // Loaded only when a file is to be read.
  const library = await import('@huggingface/tokenizers')
  let loaded: InstanceType<typeof library.Tokenizer>
  try {
    loaded = new library.Tokenizer(value, config.value)
    loaded.encode('A first try.', { add_special_tokens: true })
  } catch (cause) {
    throw unreadable(file, `a kind of tokenizer that cannot be read: ${errorText(cause)}`, cause)
  }
  return {
    name: file,
    identity,
    contextTokens: null,
    encode: async (text, special) => loaded.encode(text, { add_special_tokens: special }).ids,
    // The chat template is a program in another language, in another file; it is not read.
    chatTokens: async () => null,
  }
}

/**
 * A tokenizer.json, given itself or by its folder, as it is. Throws `input/tokenizer`: nothing there, not JSON, not such
 * a file.
 */
export async function readTokenizerJson(
  path: string,
): Promise<{ file: string; identity: string; value: Record<string, unknown> }> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (cause: unknown) => {
      throw unreadable(path, errorCode(cause) === 'ENOENT' ? 'no such file or folder' : errorText(cause), cause)
    },
  )
  const file = isFolder ? join(path, 'tokenizer.json') : path
  const { bytes, value } = readObject(file)
  if (typeof value.model !== 'object' || value.model === null) {
    throw unreadable(file, 'it has no `model`: not the tokenizer.json of a model')
  }
  return { file, identity: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, value }
}

function readObject(file: string): { bytes: Buffer; value: Record<string, unknown> } {
  let bytes: Buffer
  try {
    bytes = readSmallFile(file, MOST_BYTES)
  } catch (cause) {
    throw unreadable(file, errorCode(cause) === 'ENOENT' ? 'no such file' : errorText(cause), cause)
  }
  refuseForeign(file, bytes, 'input/tokenizer', "JSON, as a model's tokenizer.json")
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw unreadable(file, `not JSON: ${errorText(cause).slice(0, 200)}`, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unreadable(file, 'expected a JSON object')
  }
  return { bytes, value: value as Record<string, unknown> }
}

function unreadable(file: string, what: string, cause?: unknown): LayerlineError {
  return new LayerlineError('input/tokenizer', `${file}: ${what}`, {
    hint: "give --tokenizer the folder of the model (the one with tokenizer.json), that file, or `server` to use the server's own",
    cause,
  })
}

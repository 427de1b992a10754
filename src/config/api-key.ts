import { errorText, LayerlineError } from '../base/errors.ts'
import { readSmallFile } from '../base/small-file.ts'

const MOST_BYTES = 64 * 1024

/** Names in the environment and in .env that may hold the key, best first. */
export const API_KEY_NAMES = ['LAYERLINE_API_KEY', 'SURF_API_KEY', 'OPENAI_API_KEY'] as const

/**
 * Whether a variable's key may go to a server. `OPENAI_API_KEY` is often set for other programs and is worth money:
 * it goes to OpenAI, over TLS, and nowhere else.
 */
export function keyMayGoTo(name: string, url: string): boolean {
  if (name !== 'OPENAI_API_KEY') return true
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' && (hostname === 'openai.com' || hostname.endsWith('.openai.com'))
}

/** The key in a file, its last newline off. An empty file is an error `input/api-key`. */
export function readKeyFile(path: string): string {
  let text: string
  try {
    text = readSmallFile(path, MOST_BYTES).toString('utf8')
  } catch (cause) {
    throw new LayerlineError('input/api-key', `${path}: the API key cannot be read: ${errorText(cause)}`, { cause })
  }
  if (text.trim() === '') throw new LayerlineError('input/api-key', `${path}: the file is empty; expected an API key`)
  return checkedKey(text.trim(), path)
}

/** A key that a header can hold; errors name its source and never show it. */
export function checkedKey(key: string, source: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw new LayerlineError(
    'input/api-key',
    `${source}: not an API key: it holds blanks, newlines or other characters`,
    {
      hint: 'expected one line of printable ASCII',
    },
  )
}

import { LayerlineError } from '../../base/errors.ts'
import { randomStream } from '../../base/random-stream.ts'
import { story } from '../prompt-sets/story.ts'
import type { Tokenizer } from '../prompt-sets/tokenizer.ts'
import { readTokenizerJson } from '../prompt-sets/tokenizer-json.ts'
import { type PromptVocabulary, tokenIdVocabulary } from './prompt-vocabulary.ts'

/** With fewer ids prompts would hardly differ. */
const LEAST_IDS = 32
/** Short enough for a server that refuses texts beyond its context. */
const PIECE_CHARS = 1500

/**
 * The ordinary tokens of a model's tokenizer.json: its vocabulary without what was added to it (special tokens, chat
 * marks), without pieces in angle or square brackets that look like marks, and without bytes. Throws `input/tokenizer`.
 */
export async function tokenIdsFromFile(path: string): Promise<PromptVocabulary> {
  const { file, identity, value } = await readTokenizerJson(path)
  const model = value.model as { vocab?: unknown }
  const added = new Set(Array.isArray(value.added_tokens) ? value.added_tokens.map((token) => token?.id) : [])
  const ids = pieces(model.vocab)
    .filter(([piece, id]) => Number.isSafeInteger(id) && id >= 0 && !added.has(id) && !isMark(piece))
    .map(([, id]) => id)
    .sort((a, b) => a - b)
  checkIds(ids, file)
  return tokenIdVocabulary(ids, { ids_from: file, tokenizer: identity, special_ids: 'none' })
}

/**
 * Token ids that occur in ordinary text, by a tokenizer that only encodes: a story and short words of all letters are
 * encoded, and the resulting ids are used. Text never becomes a special token. Throws as the tokenizer does.
 */
export async function tokenIdsFromTokenizer(tokenizer: Tokenizer): Promise<PromptVocabulary> {
  const text = `${story(randomStream('ordinary tokens'), 12_000)} ${shortWords()}`
  const found = new Set<number>()
  const texts = Array.from({ length: Math.ceil(text.length / PIECE_CHARS) }, (_, i) =>
    text.slice(i * PIECE_CHARS, (i + 1) * PIECE_CHARS),
  )
  for (const ids of await Promise.all(texts.map((part) => tokenizer.encode(part, false)))) {
    for (const id of ids) found.add(id)
  }
  const ids = [...found].sort((a, b) => a - b)
  checkIds(ids, tokenizer.name)
  return tokenIdVocabulary(ids, {
    ids_from: `${tokenizer.name}, from a sample text`,
    tokenizer: tokenizer.identity,
    special_ids: 'none',
  })
}

/** Words of one to three letters, with and without a capital: most tokenizers have thousands of such pieces. */
function shortWords(): string {
  const letters = [...'abcdefghijklmnopqrstuvwxyz']
  const vowels = [...'aeiou']
  const words = letters.flatMap((a) => letters.map((b) => a + b))
  for (const a of letters) for (const b of vowels) for (const c of letters) words.push(a + b + c)
  return words.flatMap((word) => [word, `${word.charAt(0).toUpperCase()}${word.slice(1)}`]).join(' ')
}

/** BPE and WordPiece keep their pieces as an object, Unigram as a list of pairs whose place is the id. */
function pieces(vocab: unknown): [string, number][] {
  if (Array.isArray(vocab)) return vocab.map((pair: unknown, id) => [Array.isArray(pair) ? String(pair[0]) : '<?>', id])
  if (typeof vocab === 'object' && vocab !== null) return Object.entries(vocab) as [string, number][]
  return []
}

function isMark(piece: string): boolean {
  return piece === '' || /^<.*>$/s.test(piece) || /^\[[A-Za-z0-9_ ]+\]$/.test(piece)
}

function checkIds(ids: readonly number[], where: string): void {
  if (ids.length >= LEAST_IDS) return
  throw new LayerlineError(
    'input/tokenizer',
    `${where}: only ${ids.length} ordinary tokens found; expected at least ${LEAST_IDS}`,
    { hint: "give --tokenizer the folder with the model's tokenizer.json" },
  )
}

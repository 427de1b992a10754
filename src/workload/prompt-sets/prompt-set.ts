import { LayerlineError } from '../../base/errors.ts'
import { randomStream } from '../../base/random-stream.ts'
import { ELEMENTS } from './elements.ts'
import { PREFILL_MAX_TOKENS, type PromptSetPlan, type PromptSetRow } from './plan.ts'
import { asked, type Overhead, type PrefillTexts } from './prefill-texts.ts'
import type { Tokenizer } from './tokenizer.ts'

export interface PromptSetParts {
  plan: PromptSetPlan
  /** Null for a decode set that is not counted. */
  tokenizer: Tokenizer | null
  overhead: Overhead | null
  /** For --stage prefill. */
  texts: PrefillTexts | null
  /** Rows made at the same time. */
  concurrency: number
}

/** No two texts begin with the same so many words. */
const OWN_WORDS = 4

/**
 * The rows of a set from the `done`-th on, in their order; the same plan gives the same rows, however many are made at
 * once. `beginnings`: of the rows before.
 */
export async function* promptSetRows(
  parts: PromptSetParts,
  done = 0,
  beginnings = new Set<string>(),
): AsyncGenerator<PromptSetRow> {
  const { plan } = parts
  const total = plan.sizes.length * plan.perSize
  const place = (n: number) => ({ size: plan.sizes[Math.floor(n / plan.perSize)] as number, index: n % plan.perSize })
  if (plan.stage === 'decode') {
    for (let n = done; n < total; n++) yield await decodeRow(parts, place(n))
    return
  }
  const texts = parts.texts
  if (texts === null) throw new Error('a prefill set needs texts')
  const begun: ReturnType<PrefillTexts['make']>[] = []
  for (let n = done, next = done; n < total; n++) {
    for (; next < total && next < n + parts.concurrency; next++) {
      const making = texts.make({ ...place(next), attempt: 0 })
      // Its failure is handled when its turn comes.
      making.catch(() => {})
      begun.push(making)
    }
    const { size, index } = place(n)
    let made = await (begun.shift() as (typeof begun)[number])
    for (let tries = 0; beginnings.has(beginningOf(made.text, texts.prefix)); tries++) {
      if (tries === 40) throw notDistinct(size, index)
      made = await texts.make({ size, index, attempt: made.attempt + 1 })
    }
    beginnings.add(beginningOf(made.text, texts.prefix))
    yield await prefillRow(parts, { size, index }, made.text)
  }
}

/** What tells a text from the others for a cache: its first words behind the shared prefix. */
export function beginningOf(text: string, prefix: string): string {
  return text.slice(prefix.length).trimStart().split(' ', OWN_WORDS).join(' ')
}

async function prefillRow(parts: PromptSetParts, place: Place, text: string): Promise<PromptSetRow> {
  const question = parts.overhead?.question ?? null
  return row(parts, place, asked(text), {
    maxTokens: PREFILL_MAX_TOKENS,
    element: null,
    tokens: place.size + (question ?? 0),
  })
}

async function decodeRow(parts: PromptSetParts, place: Place): Promise<PromptSetRow> {
  const { plan, tokenizer } = parts
  const element = elementOf(plan.seed, place.size, place.index)
  const prompt = `Generate a ${place.size} ${plan.unit === 'words' ? 'word' : 'token'} story about ${element}`
  return row(parts, place, prompt, {
    maxTokens: plan.unit === 'tokens' ? place.size : null,
    element,
    tokens: tokenizer === null ? null : (await tokenizer.encode(prompt, false)).length,
  })
}

interface Place {
  size: number
  index: number
}

async function row(
  { plan, tokenizer, overhead }: PromptSetParts,
  { size, index }: Place,
  prompt: string,
  more: { maxTokens: number | null; element: string | null; tokens: number | null },
): Promise<PromptSetRow> {
  return {
    size,
    stage: plan.stage,
    unit: plan.unit,
    id: `${plan.stage}-${size}-${index}`,
    max_tokens: more.maxTokens,
    element: more.element,
    prompt_tokens: more.tokens,
    question_tokens: overhead?.question ?? null,
    bos_tokens: overhead?.bos ?? null,
    template_tokens: overhead?.template ?? null,
    prompt: plan.tokenIds && tokenizer !== null ? await tokenizer.encode(prompt, true) : prompt,
  }
}

/** Each element once, in an order of the seed's; past the hundredth, pairs of them, each once. */
function elementOf(seed: number, size: number, index: number): string {
  const order = randomStream('elements', seed, size).shuffled(ELEMENTS)
  const first = order[index % order.length] as string
  const round = Math.floor(index / order.length)
  return round === 0 ? first : `${first} and ${order[(index + round) % order.length]}`
}

function notDistinct(size: number, index: number): LayerlineError {
  return new LayerlineError(
    'input/prompt-distinct',
    `size ${size}: after ${index} texts no other was found that begins in its own way`,
    { hint: 'ask for fewer with --per-size, or for a larger size' },
  )
}

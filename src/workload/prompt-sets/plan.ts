import { LayerlineError } from '../../base/errors.ts'

/** What `prompts make` is asked for. */
export interface PromptSetPlan {
  stage: 'prefill' | 'decode'
  /** Tokens of the text (prefill), or what the answer shall have (decode, in `unit`). */
  sizes: readonly number[]
  perSize: number
  unit: 'tokens' | 'words'
  seed: number
  /** Decides only how the texts start: another salt gives the same texts after other starts. */
  salt: string
  /** Tokens that all texts of a set begin with; 0: none, each begins in its own way. */
  sharedPrefix: number
  /** Prompts as the ids of their tokens, special ones included, not as text. */
  tokenIds: boolean
}

/** One row of the file; the names are its columns. */
export interface PromptSetRow {
  size: number
  stage: 'prefill' | 'decode'
  unit: 'tokens' | 'words'
  id: string
  max_tokens: number | null
  element: string | null
  /** Of the whole prompt without special tokens and template; the next three give the parts that are outside it. */
  prompt_tokens: number | null
  question_tokens: number | null
  bos_tokens: number | null
  template_tokens: number | null
  prompt: string | readonly number[]
}

/** The question after a text; not part of its size. */
export const QUESTION = 'Summarize in 1 word.'
/** Room for any one word; a model that continues is cut there. */
export const PREFILL_MAX_TOKENS = 16

/** Throws `usage/*` for a plan that no set can follow. */
export function checkPlan(plan: PromptSetPlan): void {
  const bad = (what: string, hint?: string) =>
    new LayerlineError('usage/prompt-set', what, hint === undefined ? {} : { hint })
  const odd = plan.sizes.find((size) => !Number.isSafeInteger(size) || size < 1 || size > 10_000_000)
  if (odd !== undefined) throw bad(`--sizes ${odd}: expected whole numbers from 1 to 10000000`)
  const twice = plan.sizes.find((size, i) => plan.sizes.indexOf(size) !== i)
  if (twice !== undefined) throw bad(`--sizes: ${twice} is given twice`)
  if (plan.stage === 'decode') {
    if (plan.sharedPrefix > 0) throw bad('--shared-prefix: the prompts of --stage decode have no text to share')
    if (plan.perSize > 10_000) throw bad('--per-size: at most 10000 different prompts a size with --stage decode')
    return
  }
  if (plan.unit === 'words') throw bad('--unit words is for --stage decode: texts to prefill are counted in tokens')
  const short = plan.sizes.filter((size) => plan.sharedPrefix > 0 && size < plan.sharedPrefix + 8)
  if (short.length > 0) {
    throw bad(
      `--shared-prefix ${plan.sharedPrefix}: a text of ${short.join(', ')} tokens has no room behind it to be its own`,
      'sizes must be at least 8 tokens more',
    )
  }
}

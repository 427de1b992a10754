import { many, wholeNumber } from '../analysis/quantity.ts'
import type { PromptRow } from '../workload/prompts.ts'

/** A typical speed of one stream, used if nothing is known of the server. */
const TOKENS_PER_S = 50
/** Of English, by today's tokenizers. */
const TOKENS_PER_WORD = 1.4
/** Shorter runs than this need no warning. */
const LEAST_S = 600

export interface DecodeRun {
  readonly stage: PromptRow['stage'] | undefined
  readonly maxTokens: number | undefined
  /** Of the model; null where the server does not report it. */
  readonly maxModelLen: number | null
  readonly ignoreEos: boolean
  readonly concurrency: number
  readonly repeat: number
}

/**
 * A warning before decode prompts without an output limit: a model that does not end an answer by itself (random weights, no
 * EOS token, `--ignore-eos`) writes until its context is full. Null where there are limits, or the whole would be short.
 */
export function decodeWarning(prompts: readonly PromptRow[], run: DecodeRun): string | null {
  const { stage, maxTokens, maxModelLen, ignoreEos, concurrency, repeat } = run
  const open = prompts.filter(
    (row) => (row.stage ?? stage) === 'decode' && (row.maxTokens ?? maxTokens ?? null) === null,
  )
  const asked = open.reduce((sum, { size, requestedUnit }) => {
    return sum + (size ?? 0) * (requestedUnit === 'tokens' ? 1 : TOKENS_PER_WORD)
  }, 0)
  const seconds = (tokens: number) => (repeat * tokens) / TOKENS_PER_S / concurrency
  const most = maxModelLen === null ? asked : open.length * maxModelLen
  if (open.length === 0 || (maxModelLen !== null && seconds(most) < LEAST_S)) return null
  const worst =
    maxModelLen === null
      ? 'until its context is full'
      : `up to ${wholeNumber(maxModelLen)} tokens each: about ${spanText(seconds(most))} at ${TOKENS_PER_S} tokens/s`
  const expected =
    asked === 0 || ignoreEos ? '' : ` Answers as long as prompts ask for take about ${spanText(seconds(asked))}.`
  return `${many('decode prompt', open.length)} ${open.length === 1 ? 'has' : 'have'} no output limit: a model that does not stop by itself (no EOS token) writes ${worst}.${expected} --max-tokens N limits each answer`
}

function spanText(seconds: number): string {
  if (seconds >= 7200) return `${wholeNumber(seconds / 3600)} h`
  return seconds >= 120 ? `${wholeNumber(seconds / 60)} min` : `${wholeNumber(seconds)} s`
}

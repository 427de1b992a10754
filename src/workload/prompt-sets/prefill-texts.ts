import { LayerlineError } from '../../base/errors.ts'
import { randomStream } from '../../base/random-stream.ts'
import { fitText, unitsOf } from './fit-text.ts'
import { type PromptSetPlan, QUESTION } from './plan.ts'
import { story } from './story.ts'
import { FILLERS } from './story-words.ts'
import type { TextSource, TextWanted } from './text-source.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Tokens that a prompt has outside its size. */
export interface Overhead {
  /** Of the question; null for prompts that have none. */
  question: number | null
  /** That the tokenizer itself adds (BOS), where no template is used. */
  bos: number
  /** That the chat template adds, BOS included; null where only the server knows. */
  template: number | null
}

export interface ExactText {
  text: string
  /** The attempt that matched. */
  attempt: number
}

const PROBE = 'The river was calm.'
/** After this many parts, a source that gives too little is supplemented by the grammar. */
const MOST_PARTS = 100

/** Measures the parts that do not count towards the size, on a text of Layerline's. */
export async function measureOverhead(tokenizer: Tokenizer, withQuestion: boolean): Promise<Overhead> {
  const plain = (await tokenizer.encode(PROBE, false)).length
  const special = (await tokenizer.encode(PROBE, true)).length
  const chat = await tokenizer.chatTokens(PROBE)
  return {
    question: withQuestion ? (await tokenizer.encode(asked(PROBE), false)).length - plain : null,
    bos: special - plain,
    template: chat === null ? null : chat - plain,
  }
}

/** The text and the question, as they are sent. */
export function asked(text: string): string {
  return `${text} ${QUESTION}`
}

/** Makes texts of exact token counts. */
export class PrefillTexts {
  private readonly plan: PromptSetPlan
  private readonly tokenizer: Tokenizer
  private readonly source: TextSource
  private readonly overhead: Overhead
  private readonly fillers: readonly string[]
  private readonly tokensPerUnit: number
  /** What all texts begin with; empty where each has its own beginning. */
  readonly prefix: string
  private readonly prefixIds: readonly number[]
  /** Texts that had to be supplemented with sentences of the grammar. */
  padded = 0

  private constructor(
    parts: { plan: PromptSetPlan; tokenizer: Tokenizer; source: TextSource; overhead: Overhead },
    measured: { fillers: readonly string[]; tokensPerUnit: number; prefix: string; prefixIds: readonly number[] },
  ) {
    this.plan = parts.plan
    this.tokenizer = parts.tokenizer
    this.source = parts.source
    this.overhead = parts.overhead
    this.fillers = measured.fillers
    this.tokensPerUnit = measured.tokensPerUnit
    this.prefix = measured.prefix
    this.prefixIds = measured.prefixIds
  }

  static async create(parts: {
    plan: PromptSetPlan
    tokenizer: Tokenizer
    source: TextSource
    overhead: Overhead
  }): Promise<PrefillTexts> {
    const { plan, tokenizer } = parts
    const fillers = await singleTokens(tokenizer)
    const sample = story(randomStream('sample'), 4000)
    const tokensPerUnit = (await tokenizer.encode(sample, false)).length / unitsOf(sample).length
    const none = new PrefillTexts(parts, { fillers, tokensPerUnit, prefix: '', prefixIds: [] })
    if (plan.sharedPrefix === 0) return none
    const { text } = await none.make({ size: plan.sharedPrefix, index: -1, attempt: 0 }, parts.source)
    return new PrefillTexts(parts, {
      fillers,
      tokensPerUnit,
      prefix: text,
      prefixIds: await tokenizer.encode(text, false),
    })
  }

  /**
   * A text of exactly `size` tokens, alone and before the question alike, from the attempt given on. Throws
   * `input/prompt-size` where none is found: a size is hit or refused, never approximated.
   */
  async make(wanted: TextWanted, source: TextSource = this.source): Promise<ExactText> {
    const attempts = wanted.size < 50 ? 40 : 8
    for (let attempt = wanted.attempt; attempt < wanted.attempt + attempts; attempt++) {
      const text = await this.attempt({ ...wanted, attempt }, source)
      if (text !== null) return { text, attempt }
    }
    throw new LayerlineError(
      'input/prompt-size',
      `size ${wanted.size}: no text of exactly ${wanted.size} tokens found in ${attempts} tries, as ${this.tokenizer.name} counts`,
      { hint: 'leave the size out, or ask for another near it' },
    )
  }

  private async attempt(wanted: TextWanted, source: TextSource): Promise<string | null> {
    const { plan, prefix } = this
    const count = async (text: string) => (await this.tokenizer.encode(text, false)).length
    const random = randomStream('fill', plan.seed, plan.salt, wanted.size, wanted.index, wanted.attempt)
    let missing = wanted.size - this.prefixIds.length
    let units: string[] = []
    for (let part = 0; part <= 2 * MOST_PARTS; part++) {
      if (part === MOST_PARTS) this.padded++
      const more =
        part < MOST_PARTS
          ? await source.write(wanted, part, missing)
          : story(randomStream('padding', plan.seed, wanted.size, wanted.index, part), missing * 6 + 40)
      units = [...units, ...unitsOf(more).map((unit, i) => (i === 0 && units.length > 0 ? ` ${unit}` : unit))]
      if (units.length === 0) continue
      const fitted = await fitText(count, {
        size: wanted.size,
        head: prefix,
        units,
        tokensPerUnit: this.tokensPerUnit,
        fillers: this.fillers,
        random,
      })
      if ('text' in fitted) return (await this.holds(fitted.text, wanted.size)) ? fitted.text : null
      if (fitted.failed === 'missed') return null
      missing = Math.max(8, wanted.size - fitted.tokens)
    }
    return null
  }

  /** Whether the count stays the same with the question behind it, and the shared tokens really are shared. */
  private async holds(text: string, size: number): Promise<boolean> {
    const ids = await this.tokenizer.encode(asked(text), false)
    if (ids.length !== size + (this.overhead.question ?? 0)) return false
    return this.prefixIds.every((id, i) => ids[i] === id)
  }
}

/** Which of our fillers add exactly one token to a sentence. */
async function singleTokens(tokenizer: Tokenizer): Promise<readonly string[]> {
  const count = async (text: string) => (await tokenizer.encode(text, false)).length
  const without = await count('The river was calm.')
  const added = async (words: readonly string[]) => {
    const tokens = await Promise.all(words.map((word) => count(`The river was calm ${word}.`)))
    return words.filter((_, i) => (tokens[i] ?? 0) - without === 1)
  }
  const single = await added(FILLERS)
  if (single.length >= 6) return single
  // A tokenizer of another language may split English words into letters; then letters and digits are used.
  const all = [...single, ...(await added([...'abcdefghijklmnopqrstuvwxyz0123456789']))]
  return all.length > 0 ? all : FILLERS
}

import { randomStream } from '../../base/random-stream.ts'
import type { PromptSetPlan } from './plan.ts'
import { opening, story } from './story.ts'
import { ADJECTIVES, FILLERS, NAMES, NOUNS, PLURALS } from './story-words.ts'

/** A text requested for a row; another attempt must start differently. */
export interface TextWanted {
  size: number
  index: number
  attempt: number
}

/** Where the texts come from: our grammar, or a model behind an API. */
export interface TextSource {
  readonly name: string
  /** The next part of a row's text, of about `tokens` tokens; it may be shorter, then another part is asked for. */
  write(wanted: TextWanted, part: number, tokens: number): Promise<string>
}

const CHARS_PER_TOKEN = 6

/** Texts from the grammar: the beginning from seed and salt, the rest from the seed. */
export function grammarSource(plan: Pick<PromptSetPlan, 'seed' | 'salt'>): TextSource {
  return {
    name: 'grammar',
    async write({ size, index, attempt }, part, tokens) {
      const rest = story(randomStream('story', plan.seed, size, index, part), tokens * CHARS_PER_TOKEN + 40)
      if (part > 0) return rest
      const random = randomStream('opening', plan.seed, plan.salt, size, index, attempt)
      // One to three tokens have no room for a sentence; at least the words differ.
      if (size < 4)
        return random
          .shuffled([...NOUNS, ...PLURALS, ...ADJECTIVES, ...NAMES, ...FILLERS])
          .slice(0, 8)
          .join(' ')
      return `${opening(random)} ${rest}`
    },
  }
}

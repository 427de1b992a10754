import type { RandomStream } from '../../base/random-stream.ts'
import {
  ADJECTIVES,
  ADVERBS,
  INTRANSITIVE,
  NAMES,
  NOUNS,
  NUMBERS,
  PLACE_PREPOSITIONS,
  PLURALS,
  TIMES,
  TRANSITIVE,
} from './story-words.ts'

type Part = (random: RandomStream) => string

const anyOf =
  (from: readonly string[]): Part =>
  (random) =>
    random.pick(from)
const name = anyOf(NAMES)
const adjective = anyOf(ADJECTIVES)
const noun = anyOf(NOUNS)
const plural = anyOf(PLURALS)
const did = anyOf(TRANSITIVE)
const went = anyOf(INTRANSITIVE)
const adverb = anyOf(ADVERBS)
const time = anyOf(TIMES)
const number = anyOf(NUMBERS)
const thing: Part = (random) =>
  random.below(2) === 0 ? `the ${noun(random)}` : `the ${adjective(random)} ${noun(random)}`
const things: Part = (random) =>
  random.below(3) === 0 ? `${number(random)} ${plural(random)}` : `the ${adjective(random)} ${plural(random)}`
const place: Part = (random) => `${random.pick(PLACE_PREPOSITIONS)} ${thing(random)}`
const someone: Part = (random) => (random.below(2) === 0 ? name(random) : thing(random))

/** The sentences' shapes; a new one needs no other change. */
const SHAPES: readonly Part[] = [
  (r) => `${someone(r)} ${did(r)} ${things(r)} ${place(r)}`,
  (r) => `${name(r)} and ${name(r)} ${went(r)} ${place(r)} ${time(r)}`,
  (r) => `${time(r)}, ${someone(r)} ${adverb(r)} ${did(r)} ${thing(r)}`,
  (r) => `there were ${things(r)} ${place(r)}, and ${someone(r)} ${did(r)} them`,
  (r) => `nobody ${did(r)} ${thing(r)}, because ${someone(r)} had ${adverb(r)} ${did(r)} ${things(r)}`,
  (r) => `${plural(r)} and ${plural(r)} ${went(r)} ${place(r)}`,
  (r) => `when ${someone(r)} ${went(r)}, ${thing(r)} was ${adjective(r)} and ${adjective(r)}`,
  (r) => `${name(r)} ${did(r)} ${thing(r)} while ${things(r)} ${went(r)} ${place(r)}`,
  (r) => `${thing(r)} that ${name(r)} ${did(r)} was older than ${thing(r)}`,
  (r) => `it was ${adjective(r)} ${place(r)}, but ${someone(r)} ${adverb(r)} ${went(r)}`,
  (r) => `${number(r)} ${plural(r)} ${went(r)} ${time(r)}, and ${number(r)} of them ${did(r)} ${thing(r)}`,
  (r) => `${someone(r)} ${did(r)} ${thing(r)}, ${did(r)} ${thing(r)} and ${went(r)} ${place(r)}`,
  (r) => `everyone knew ${thing(r)}, yet only ${name(r)} ${did(r)} ${things(r)}`,
  (r) => `in ${thing(r)} ${name(r)} kept ${number(r)} ${adjective(r)} ${plural(r)}`,
]

/** One sentence, with its capital and its full stop. */
export function sentence(random: RandomStream): string {
  return finished(random.pick(SHAPES)(random))
}

/** A first sentence: its first four words alone are one of 100 million, so that two texts rarely begin alike. */
export function opening(random: RandomStream): string {
  return finished(
    `${adjective(random)} ${plural(random)}, ${adjective(random)} ${plural(random)} and ${name(random)} ${went(random)} ${place(random)}`,
  )
}

/** A text of no less than `length` characters. */
export function story(random: RandomStream, length: number): string {
  const sentences: string[] = []
  for (let written = 0; written < length; ) {
    const next = sentence(random)
    sentences.push(next)
    written += next.length + 1
  }
  return sentences.join(' ')
}

function finished(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

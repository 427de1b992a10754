import { many } from '../analysis/quantity.ts'
import { printable, wrap } from './text/text.ts'

/** What the verdicts of several runs have against them, each once; runs say the same with other figures. */
export function doubtLines(texts: readonly string[], width: number): string[] {
  const doubts = new Map<string, { text: string; runs: number }>()
  for (const text of texts) {
    const same = text.replaceAll(/\d[\d.,]*/g, 'N')
    doubts.set(same, { text: doubts.get(same)?.text ?? text, runs: (doubts.get(same)?.runs ?? 0) + 1 })
  }
  return [...doubts.values()].flatMap(({ text, runs }) =>
    wrap(`! ${runs === 1 ? 'one run' : many('run', runs)}: ${printable(text)}`, width),
  )
}

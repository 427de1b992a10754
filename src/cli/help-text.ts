import type { Help } from 'commander'
import type { CommandSpec } from './command.ts'

/** Lines of help are no longer, also on a wide terminal: longer ones are hard to read. */
const MOST_COLUMNS = 100

const TERM_COLUMNS = 26

/** Narrow terms beside their text, wide ones above it, so that texts stay wide on 80 columns. */
export const HELP_LAYOUT: Partial<Help> = {
  padWidth: () => TERM_COLUMNS,
  optionDescription: ({ description }) => description,
  formatItem(term, columns, text, help) {
    const indent = ' '.repeat(columns + 4)
    const lines = wrapped(text, Math.max(20, (help.helpWidth ?? 80) - indent.length))
    const beside = term.length <= columns
    return [
      beside ? `  ${term.padEnd(columns + 2)}${lines[0]}` : `  ${term}`,
      ...lines.slice(beside ? 1 : 0).map((line) => `${indent}${line}`),
    ].join('\n')
  },
}

/** Columns of the help: the terminal's, 80 where there is none. */
export function helpColumns(terminal: number | undefined): number {
  return Math.min(MOST_COLUMNS, terminal ?? 80)
}

/** The start of a command's help: what it is for, an example, how it works. */
export function helpStart({ summary, about, examples }: CommandSpec, columns: number): string {
  const [example] = examples
  return [
    `${sentence(summary)}.`,
    ...(example === undefined ? [] : ['', `  ${example.line}`]),
    '',
    ...wrapped(about, columns),
    '',
  ].join('\n')
}

/** The end: further examples, each under what it does. */
export function helpEnd({ examples }: CommandSpec): string {
  const [first, ...others] = examples
  if (first === undefined || others.length === 0) return ''
  return `\nMore examples:\n${others.map(({ line, what }) => `  ${sentence(what)}:\n    ${line}`).join('\n')}`
}

/** A text with its first letter in upper case; a name in code stays as it is. */
export function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`
}

/** A text in lines of at most `columns`, broken at spaces. */
export function wrapped(text: string, columns: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= columns) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

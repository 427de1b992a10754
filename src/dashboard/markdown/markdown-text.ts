import { clip, printable } from '../text/text.ts'

/** Foreign text in Markdown: as code, in which nothing is a link, a mention, an image or HTML. */
export function code(text: string, max = 120): string {
  return `\`${inFence(text, max).replaceAll('|', '\\|') || ' '}\``
}

/** Foreign text on one line within a block of code: nothing in it can end the block. */
export function inFence(text: string, max = 400): string {
  return clip(printable(text).replaceAll('`', "'"), max)
}

/** Layerline's own sentence, which may hold foreign words: no character in it has a meaning in Markdown or HTML. */
export function plain(text: string, max = 400): string {
  return clip(printable(text), max)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('@', '@\u200b')
    .replaceAll(/(?<=\w):\/\//g, ':\u200b//')
    .replaceAll(/([\\`*_[\]|~#!])/g, '\\$1')
}

export function mdTable(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(titles), line(titles.map((_, i) => (right.includes(i) ? '---:' : '---'))), ...rows.map(line)]
}

/** Text in a block of code that opens on a click. Lines stay as they are, without what would end the block. */
export function details(summary: string, text: string): string[] {
  return [
    `<details><summary>${summary}</summary>`,
    '',
    '```text',
    text.replaceAll('`', "'").trimEnd(),
    '```',
    '',
    '</details>',
  ]
}

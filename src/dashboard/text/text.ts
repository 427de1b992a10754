const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const NO_WIDTH = /\p{Mark}|\p{Cf}/u

/** Controls of eight bits, and what turns the direction of text: terminals obey them, and nothing of Layerline's has them. */
const FOREIGN_STEERING = /[\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Without anything that steers a terminal or changes the order of its text; line ends stay, tabs become spaces. */
export function withoutControls(text: string): string {
  return text
    .replaceAll('\t', ' ')
    .replaceAll(FOREIGN_STEERING, '')
    .replaceAll(/[^\P{Cc}\n]/gu, '')
}

/** For a terminal, whatever it is: escape sequences are left as they are, which views write; all other steering is replaced. */
export function forTerminal(text: string): string {
  return text.replaceAll(FOREIGN_STEERING, '\ufffd')
}

/** Text of others (errors, ids) made safe to print: control characters, which can move the cursor, become spaces. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim()
}

/** Columns that a text takes up on a terminal. */
export function textWidth(text: string): number {
  let width = 0
  for (const character of text) width += NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return width
}

/** Cut to a width, the cut marked. */
export function clip(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let out = ''
  let used = 0
  for (const character of text) {
    used += textWidth(character)
    if (used > width - 1) break
    out += character
  }
  return width < 1 ? '' : `${out}…`
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - textWidth(text)))
  return align === 'left' ? text + space : space + text
}

/** Lines of at most `width`, broken at spaces; a longer word gets a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

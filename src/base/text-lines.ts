import { createReadStream } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'

/** A line of a text file, without its end. */
export interface TextLine {
  /** Counted from 1. */
  readonly line: number
  readonly text: string
  /** It has more characters than allowed; `text` has the first ones. */
  readonly tooLong: boolean
  /** The file ends in it, without a newline. */
  readonly cut: boolean
}

/**
 * The lines of a file, one batch per piece read, without a byte order mark. A line past `mostChars` is not held in
 * memory: its rest is skipped.
 */
export async function* textLines(path: string, mostChars: number): AsyncGenerator<TextLine[]> {
  const decoder = new StringDecoder('utf8')
  let line = 0
  let rest = ''
  let tooLong = false
  const take = (cut: boolean): TextLine => {
    line++
    const text = cut || !rest.endsWith('\r') ? rest : rest.slice(0, -1)
    const shown = line === 1 ? text.replace(/^\uFEFF/, '') : text
    const over = tooLong || shown.length > mostChars
    rest = ''
    tooLong = false
    return { line, text: over ? shown.slice(0, mostChars) : shown, tooLong: over, cut }
  }
  // Only new text is searched, and a long line is joined once.
  const add = (text: string): void => {
    if (tooLong) return
    rest += text
    if (rest.length <= mostChars + 2) return
    tooLong = true
    rest = rest.slice(0, mostChars)
  }
  for await (const bytes of createReadStream(path)) {
    const texts = decoder.write(bytes as Buffer).split('\n')
    const last = texts.pop() ?? ''
    const lines = texts.map((text) => {
      add(text)
      return take(false)
    })
    add(last)
    if (lines.length > 0) yield lines
  }
  add(decoder.end())
  if (rest !== '') yield [take(true)]
}

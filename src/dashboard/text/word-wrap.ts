/** Breaks a text that comes in pieces at blanks, so that no line is wider than `width`. */
export class WordWrap {
  private column = 0
  private word = ''
  private readonly width: number

  constructor(width: number) {
    this.width = width
  }

  /** What can be shown now; the last word waits until it is whole. */
  push(piece: string): string {
    let out = ''
    for (const letter of piece) {
      if (letter !== ' ' && letter !== '\n') {
        this.word += letter
        continue
      }
      out += this.flush()
      if (letter === '\n') {
        out += '\n'
        this.column = 0
      } else if (this.column > 0 && this.column < this.width) {
        out += ' '
        this.column++
      }
    }
    return out
  }

  /** The word that waits. */
  flush(): string {
    const { word } = this
    const length = [...word].length
    this.word = ''
    const breaks = this.column > 0 && this.column + length > this.width
    this.column = breaks ? length : this.column + length
    return breaks ? `\n${word}` : word
  }
}

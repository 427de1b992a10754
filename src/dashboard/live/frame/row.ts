import { clip, textWidth } from '../../text/text.ts'
import type { Palette, Tone } from '../chart/palette.ts'

/** One line of a frame, built from the left; it never gets wider than its width and `end` makes it exactly that. */
export class Row {
  used = 0
  readonly width: number
  private readonly palette: Palette
  private out = ''

  constructor(width: number, palette: Palette) {
    this.width = width
    this.palette = palette
  }

  get left(): number {
    return Math.max(0, this.width - this.used)
  }

  /** Text that steers nothing: letters, digits, signs. Cut where the line ends. */
  text(text: string, tone: Tone = 'plain'): this {
    const fits = clip(text, this.left)
    this.out += this.palette.paint(fits, tone)
    this.used += textWidth(fits)
    return this
  }

  /** In a column of its own: cut or filled up to `columns`. */
  cell(text: string, columns: number, align: 'left' | 'right' = 'left', tone: Tone = 'plain'): this {
    const room = Math.min(columns, this.left)
    const fits = clip(text, room)
    const space = ' '.repeat(Math.max(0, room - textWidth(fits)))
    this.used += room
    this.out += align === 'left' ? this.palette.paint(fits, tone) + space : space + this.palette.paint(fits, tone)
    return this
  }

  /** Another line beside the existing ones; it must fit. */
  line(line: { readonly painted: string; readonly columns: number }): this {
    this.out += line.painted
    this.used += line.columns
    return this
  }

  /** Spaces up to a column. */
  to(column: number): this {
    const spaces = Math.max(0, Math.min(column, this.width) - this.used)
    this.out += ' '.repeat(spaces)
    this.used += spaces
    return this
  }

  /** Text at the right end, if it fits after the existing text with a space between. */
  atRight(text: string, tone: Tone = 'plain'): this {
    const columns = textWidth(text)
    return columns < this.left ? this.to(this.width - columns).text(text, tone) : this
  }

  end(): string {
    return this.to(this.width).out
  }
}

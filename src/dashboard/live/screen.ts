const ESC = '\x1b['
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l${ESC}2J`
const LEAVE = `${ESC}0m${ESC}?7h${ESC}?25h${ESC}?1049l`
const CLEAR = `${ESC}0m${ESC}2J`
/** Terminals that know it show what is between at once; the others pass over it. */
const BEGIN = `${ESC}?2026h`
const END = `${ESC}?2026l`

/** Where a screen writes; `done` is called when the terminal has taken it. */
export interface ScreenOutput {
  write(text: string, done: () => void): void
  /** At once: for the last words before a process ends. */
  writeSync(text: string): void
}

/**
 * The terminal's other screen, on which frames are drawn: one write a frame, of the lines that changed. While the
 * terminal has not taken the last frame, newer ones are passed over, so that a slow one holds up nothing.
 */
export class Screen {
  private readonly output: ScreenOutput
  private shown: readonly string[] = []
  private before = ''
  private busy = false
  private open = false

  constructor(output: ScreenOutput) {
    this.output = output
  }

  /** Takes the terminal over with the first frame. */
  enter(): void {
    if (this.open) return
    this.open = true
    this.shown = []
    this.before = ENTER
  }

  /** Draws a frame whose lines are all of the terminal's width. */
  draw(lines: readonly string[]): void {
    if (!this.open || this.busy) return
    const changed = lines.flatMap((line, i) => (line === this.shown[i] ? [] : [`${ESC}${i + 1};1H${line}`]))
    if (changed.length === 0 && this.before === '') return
    const text = this.before + BEGIN + changed.join('') + END
    this.shown = lines
    this.before = ''
    this.busy = true
    this.output.write(text, () => {
      this.busy = false
    })
  }

  /** The next frame is drawn whole on an empty screen: after a resize, or when something else has written to it. */
  forget(): void {
    if (!this.open) return
    this.shown = []
    if (this.before === '') this.before = CLEAR
  }

  /** Gives the terminal back as it was; safe to repeat. */
  leave(): void {
    if (!this.open) return
    this.open = false
    this.output.writeSync(LEAVE)
  }
}

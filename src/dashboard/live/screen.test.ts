import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Screen } from './screen.ts'

/** As much of a terminal as a screen uses: places, clears, the other screen, cursor and wrap; what it does not know fails. */
class TinyTerminal {
  cells: string[][] = []
  other = false
  cursor = true
  wrap = true
  readonly writes: string[] = []
  /** Lines that the last write touched. */
  touched: number[] = []
  private row = 0
  private column = 0

  take(text: string): void {
    this.writes.push(text)
    this.touched = []
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the control sequences of a terminal
    for (const [part, parameters, final, character] of text.matchAll(/\x1b\[([0-9;?]*)([A-Za-z])|(.)/gsu)) {
      if (character !== undefined) this.put(character)
      else this.control(`${parameters}${final}`, part)
    }
  }

  text(): string[] {
    return this.cells.map((line) => line.join(''))
  }

  private put(character: string): void {
    this.cells[this.row] ??= []
    const line = this.cells[this.row] as string[]
    line[this.column++] = character
  }

  private control(what: string, part: string): void {
    const place = /^(\d+);(\d+)H$/.exec(what)
    if (place !== null) {
      this.row = Number(place[1]) - 1
      this.column = Number(place[2]) - 1
      this.touched.push(this.row)
    } else if (what === '2J') this.cells = []
    else if (what === '?1049h' || what === '?1049l') this.other = what.endsWith('h')
    else if (what === '?25h' || what === '?25l') this.cursor = what.endsWith('h')
    else if (what === '?7h' || what === '?7l') this.wrap = what.endsWith('h')
    else if (what !== '?2026h' && what !== '?2026l' && what !== '0m')
      throw new Error(`unknown: ${JSON.stringify(part)}`)
  }
}

const size = fc.record({ columns: fc.integer({ min: 1, max: 8 }), rows: fc.integer({ min: 1, max: 6 }) })
const frames = size.chain(({ columns, rows }) =>
  fc.array(
    fc.array(fc.string({ minLength: columns, maxLength: columns, unit: fc.constantFrom('a', 'b', '⣿') }), {
      minLength: rows,
      maxLength: rows,
    }),
    { minLength: 1, maxLength: 12 },
  ),
)

it('shows each frame by one write, of the lines that changed', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.boolean()), (frames, slow) => {
      const terminal = new TinyTerminal()
      const waiting: (() => void)[] = []
      let isSlow = false
      const screen = new Screen({
        write(text, done) {
          terminal.take(text)
          if (isSlow) waiting.push(done)
          else done()
        },
        writeSync: (text) => terminal.take(text),
      })
      screen.enter()
      let shown: readonly string[] = []
      for (const [i, lines] of frames.entries()) {
        isSlow = slow[i] ?? false
        const before = terminal.writes.length
        const passedOver = waiting.length > 0
        screen.draw(lines)
        const written = terminal.writes.length - before
        if (passedOver) expect(written).toBe(0)
        else {
          const changed = lines.flatMap((line, y) => (line === shown[y] ? [] : [y]))
          expect(written).toBe(changed.length > 0 ? 1 : 0)
          if (written > 0) expect(terminal.touched).toEqual(changed)
          expect(terminal.text()).toEqual(lines)
          shown = lines
        }
        for (const done of waiting.splice(0))
          if (!isSlow || i % 2 === 1) done()
          else waiting.push(done)
      }
      expect([terminal.other, terminal.cursor, terminal.wrap]).toEqual([true, false, false])
      screen.leave()
      expect([terminal.other, terminal.cursor, terminal.wrap]).toEqual([false, true, true])
      const before = terminal.writes.length
      screen.leave()
      screen.draw(['late'])
      expect(terminal.writes.length).toBe(before)
    }),
  )
})

it('is drawn whole after a resize', () => {
  const terminal = new TinyTerminal()
  const screen = new Screen({
    write(text, done) {
      terminal.take(text)
      done()
    },
    writeSync: (text) => terminal.take(text),
  })
  screen.enter()
  screen.draw(['wide line', 'second   '])
  screen.forget()
  screen.draw(['narrow', 'second', 'third '])
  expect(terminal.text()).toEqual(['narrow', 'second', 'third '])
  expect(terminal.writes).toHaveLength(2)
  screen.draw(['narrow', 'second', 'third '])
  expect(terminal.writes).toHaveLength(2)
})

/** Dots of a cell from its foot up, for 0 to 4 of them: left column, right column. */
const LEFT = [0, 0x40, 0x44, 0x46, 0x47]
const RIGHT = [0, 0x80, 0xa0, 0xb0, 0xb8]
const BLANK = 0x2800

/**
 * An area under values, two values per cell and four dots per row, from the top row down. Values go from 0 to `max`;
 * any value above 0 shows a dot, NaN and 0 show none.
 */
export function area(values: ArrayLike<number>, max: number, height: number): string[] {
  const dots = Array.from(values, (value) => dotsOf(value, max, height * 4))
  return Array.from({ length: height }, (_, row) => {
    const below = (height - 1 - row) * 4
    let line = ''
    for (let i = 0; i < dots.length; i += 2) {
      const left = LEFT[within(dots[i] as number, below)] as number
      const right = RIGHT[within(dots[i + 1] ?? 0, below)] as number
      line += String.fromCharCode(BLANK + left + right)
    }
    return line
  })
}

function dotsOf(value: number, max: number, most: number): number {
  if (!(value > 0)) return 0
  return Math.min(most, Math.max(1, Math.round((value / max) * most)))
}

/** How many of `dots` lie in the four above `below`. */
function within(dots: number, below: number): number {
  return Math.min(4, Math.max(0, dots - below))
}

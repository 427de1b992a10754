const [QUOTE, BACKSLASH] = [0x22, 0x5c]

/**
 * Whether a JSON text is nested deeper than `most`. Code that walks such a value recurses as deep, and the stack is
 * limited. The text need not be valid.
 */
export function isDeeper(text: string, most: number): boolean {
  let depth = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (quoted) {
      if (code === BACKSLASH) at++
      else if (code === QUOTE) quoted = false
    } else if (code === QUOTE) quoted = true
    // [ and {, ] and }: they differ in one bit.
    else if ((code | 0x20) === 0x7b) {
      if (++depth > most) return true
    } else if ((code | 0x20) === 0x7d) depth--
  }
  return false
}

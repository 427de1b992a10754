const TOKEN =
  /[{}[\],:]|true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"/y
/** A string as far as it is good. */
const STRING_START = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*/y

/**
 * Where a text stops being JSON, as an index into it, or null if it is JSON. `JSON.parse` itself names the place of
 * some errors only, and differently in each version of Node.
 */
export function jsonErrorAt(text: string): number | null {
  const open: ('{' | '[')[] = []
  let expected: 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' = 'value'
  let at = 0
  for (;;) {
    while (' \t\r\n'.includes(text.charAt(at)) && at < text.length) at++
    const inside = open.at(-1)
    if (at === text.length) return expected === ', or end' && inside === undefined ? null : at
    TOKEN.lastIndex = at
    const token = TOKEN.exec(text)?.[0]
    if (token === undefined) {
      STRING_START.lastIndex = at
      return at + (STRING_START.exec(text)?.[0].length ?? 0)
    }
    const kind = token.charAt(0)
    if (kind === '}' || kind === ']') {
      const closes = kind === '}' ? '{' : '['
      const early = kind === '}' ? 'key or }' : 'value or ]'
      if (inside !== closes || (expected !== ', or end' && expected !== early)) return at
      open.pop()
      expected = ', or end'
    } else if (kind === ',') {
      if (expected !== ', or end' || inside === undefined) return at
      expected = inside === '{' ? 'key' : 'value'
    } else if (kind === ':') {
      if (expected !== ':') return at
      expected = 'value'
    } else if (expected === 'key' || expected === 'key or }') {
      if (kind !== '"') return at
      expected = ':'
    } else if (expected === 'value' || expected === 'value or ]') {
      if (kind === '{' || kind === '[') open.push(kind)
      expected = kind === '{' ? 'key or }' : kind === '[' ? 'value or ]' : ', or end'
    } else {
      return at
    }
    at += token.length
  }
}

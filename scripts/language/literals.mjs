// The string literals of TypeScript source that hold prose. A scanner of our own: comments, quotes, templates and regular
// expressions are all that it knows of the language.

const BEFORE_REGEX = /(^|[=(,:[!&|?{};+\-*%~^<>]|\b(return|typeof|case|in|of|void|throw|new|delete|await))\s*$/

/** @returns {{ line: number, text: string }[]} with `…` for each value put into a template. */
export function proseOf(source) {
  return literalsOf(source).filter(({ text }) => isProse(text))
}

/** Two words or more with a space between; no SQL, no code. */
function isProse(text) {
  if (!/[a-z]{2,}[,.:;)]? +\(?[a-z…]/i.test(text)) return false
  return !/\b(SELECT|FROM|WHERE|CREATE|INSERT|ALTER|UPDATE|COPY|JOIN|UNION|OVER|PARTITION|CASE WHEN|ORDER BY|GROUP BY|PRAGMA|ATTACH|EXISTS|COALESCE)\b/.test(
    text,
  )
}

export function literalsOf(source) {
  const found = []
  let line = 1
  let at = 0
  /** Templates whose `${` is open, innermost last, with the depth of the braces in it. */
  const open = []
  let template = null

  while (at < source.length) {
    const char = source[at]
    if (template !== null) {
      if (char === '\\') {
        template.text += source[at + 1]
        skip(2)
      } else if (char === '`') {
        found.push(template)
        template = null
        skip(1)
      } else if (char === '$' && source[at + 1] === '{') {
        template.text += '…'
        open.push({ template, depth: 0 })
        template = null
        skip(2)
      } else {
        template.text += char
        skip(1)
      }
      continue
    }
    if (source.startsWith('//', at)) skipTo('\n')
    else if (source.startsWith('/*', at)) skip(source.indexOf('*/', at) + 2 - at)
    else if (char === "'" || char === '"') quoted(char)
    else if (char === '`') {
      template = { line, text: '' }
      skip(1)
    } else if (char === '/' && BEFORE_REGEX.test(source.slice(Math.max(0, at - 30), at))) regex()
    else {
      const inside = open.at(-1)
      if (inside !== undefined && char === '{') inside.depth++
      if (inside !== undefined && char === '}') {
        if (inside.depth === 0) {
          template = inside.template
          open.pop()
        } else inside.depth--
      }
      skip(1)
    }
  }
  return found

  function skip(count) {
    for (let i = 0; i < count; i++) if (source[at + i] === '\n') line++
    at += count
  }

  function skipTo(end) {
    const to = source.indexOf(end, at)
    skip((to < 0 ? source.length : to) - at)
  }

  function quoted(quote) {
    const start = line
    let text = ''
    skip(1)
    while (at < source.length && source[at] !== quote) {
      if (source[at] === '\\') {
        text += source[at + 1] === 'n' ? '\n' : source[at + 1]
        skip(2)
      } else {
        text += source[at]
        skip(1)
      }
    }
    skip(1)
    found.push({ line: start, text })
  }

  function regex() {
    let inClass = false
    skip(1)
    while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
      if (source[at] === '[') inClass = true
      if (source[at] === ']') inClass = false
      skip(source[at] === '\\' ? 2 : 1)
    }
    skip(1)
  }
}

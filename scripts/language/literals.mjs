// The prose of TypeScript source: string literals and comments. The scanner knows only comments, quotes, templates and
// regular expressions of the language.

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

/** @returns {{ line: number, text: string }[]} without the comment marks; line comments one below the other are one text. */
export function commentsOf(source) {
  const found = []
  const joined = []
  literalsOf(source, found)
  for (const { line, text } of found) {
    const last = joined.at(-1)
    if (last !== undefined && text.startsWith('//') && last.text.startsWith('//') && last.upTo + 1 === line) {
      last.text += `\n${text}`
      last.upTo = line
    } else joined.push({ line, text, upTo: line + text.split('\n').length - 1 })
  }
  return joined.map(({ line, text }) => ({ line, text: text.replace(/^\s*(\/\/|\/\*\*?|\*\/?) ?|\s*\*\/$/gm, '') }))
}

export function literalsOf(source, comments = []) {
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
    if (source.startsWith('//', at)) comment(source.indexOf('\n', at))
    else if (source.startsWith('/*', at)) comment(source.indexOf('*/', at) + 2)
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

  function comment(end) {
    const to = end < at ? source.length : end
    comments.push({ line, text: source.slice(at, to) })
    skip(to - at)
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

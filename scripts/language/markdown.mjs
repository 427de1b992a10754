// The prose of a Markdown page: paragraphs, list items, headings and table cells, each with its line. Code is left away:
// a block is skipped, a span counts as one word.

/** @returns {{ line: number, text: string }[]} */
export function pageProse(markdown) {
  const found = []
  let paragraph = null
  let fence = null
  for (const [index, raw] of markdown.split('\n').entries()) {
    const mark = /^\s*(```+|~~~+)/.exec(raw)?.[1]
    if (fence !== null || mark !== undefined) {
      end()
      if (fence === null) fence = mark
      else if (mark?.startsWith(fence)) fence = null
      continue
    }
    const text = raw.trim()
    if (text === '' || text.startsWith('<!--')) end()
    else if (text.startsWith('|')) {
      end()
      for (const cell of text.replaceAll('\\|', ' ').split('|'))
        if (cell.trim() !== '') found.push({ line: index + 1, text: cell })
    } else if (/^(#{1,6} |[-*] |\d+\. )/.test(text)) {
      end()
      paragraph = { line: index + 1, text: text.replace(/^(#{1,6}|[-*]|\d+\.) /, '') }
      if (text.startsWith('#')) end()
    } else if (paragraph === null) paragraph = { line: index + 1, text }
    else paragraph.text += `\n${text}`
  }
  end()
  return found.map(({ line, text }) => ({ line, text: plain(text) }))

  function end() {
    if (paragraph !== null) found.push(paragraph)
    paragraph = null
  }
}

/** Without code, addresses and emphasis. */
export function plain(text) {
  return text
    .replace(/(`+)[^`]+\1/g, (code) => `‹›${'\n'.repeat(code.split('\n').length - 1)}`)
    .replace(/\]\([^)]*\)/g, ']')
    .replace(/[[\]*]/g, '')
    .replace(/https?:\S+/g, '‹›')
}

// Reads the project's texts as a reader would and names what docs/glossary.md rules out: words that the project does not use,
// sentences that are too long. Called by docs.mjs; alone it prints what it found: node scripts/language.mjs [PATH…]
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commentsOf, proseOf } from './language/literals.mjs'
import { pageProse, plain } from './language/markdown.mjs'
import { ALLOWED, MOST_WORDS, WORDS } from './language/words.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']
/** The maintainers' list of open points. */
const SKIPPED = new Set(['docs/plan.md'])

/** @returns {string[]} one line per finding: `docs/os.md:12: "told": write reported …` */
export function languageProblems(base = root) {
  const pages = [...PAGES, ...filesUnder(base, 'docs', /\.md$/)].filter((file) => !SKIPPED.has(file))
  const sources = filesUnder(base, 'src', /(?<!\.test)\.ts$/)
  return [
    ...pages.flatMap((file) => problemsOf(file, pageProse(readFileSync(join(base, file), 'utf8')))),
    ...sources.flatMap((file) =>
      problemsOf(
        file,
        proseOf(readFileSync(join(base, file), 'utf8')).map(({ line, text }) => ({ line, text: plain(text) })),
      ),
    ),
    ...filesUnder(base, 'src', /\.ts$/).flatMap((file) =>
      wordsOf(file, commentsOf(readFileSync(join(base, file), 'utf8'))),
    ),
  ]
}

/** The words to avoid in the comments of one file; what a comment quotes as code is not read. */
export function wordsOf(file, comments) {
  return comments.flatMap(({ line, text }) => wordProblems(line, plain(text)).map((found) => `${file}:${found}`))
}

/** The findings in some texts of one file. */
export function problemsOf(file, texts) {
  return texts.flatMap(({ line, text }) => {
    if (ALLOWED.some((allowed) => allowed.file.test(file) && allowed.text.test(text))) return []
    const words = wordProblems(line, text)
    const long = sentencesOf(text).flatMap((sentence) => {
      const count = sentence.text.split(/\s+/).filter((word) => /[\p{L}\d‹…]/u.test(word)).length
      if (count <= MOST_WORDS) return []
      return [
        `${at(line, text, sentence.index)}: a sentence of ${count} words (at most ${MOST_WORDS}): "${sentence.text.slice(0, 60).replace(/\s+/g, ' ').trim()}…"`,
      ]
    })
    return [...words, ...long].map((found) => `${file}:${found}`)
  })
}

function wordProblems(line, text) {
  const oneLine = text.replace(/\s/g, ' ')
  return WORDS.flatMap(([pattern, instead]) => {
    const hit = pattern.exec(oneLine)
    return hit === null ? [] : [`${at(line, text, hit.index)}: "${hit[0].replace(/\s+/g, ' ')}": write ${instead}`]
  })
}

function at(line, text, index) {
  return line + text.slice(0, index).split('\n').length - 1
}

/** A sentence ends with a full stop, a question mark or a line of its own; not with `e.g.` or a decimal point. */
function sentencesOf(text) {
  const found = []
  let from = 0
  for (const end of text.matchAll(/(?<!\b(?:e\.g|i\.e|cf|vs))[.!?]["')]?(?=\s|$)|\n\s*\n/g)) {
    found.push({ index: from, text: text.slice(from, end.index) })
    from = end.index + end[0].length
  }
  found.push({ index: from, text: text.slice(from) })
  return found
}

function filesUnder(base, folder, pattern) {
  return readdirSync(join(base, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => relative(base, join(base, folder, name)))
    .filter((name) => pattern.test(name))
    .sort()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2)
  const found = languageProblems().filter((line) => wanted.length === 0 || wanted.some((path) => line.startsWith(path)))
  if (found.length > 0) process.stdout.write(`${found.join('\n')}\n`)
  process.exitCode = found.length === 0 ? 0 : 1
}

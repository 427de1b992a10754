import { expect, test } from 'vitest'
import { commentsOf, literalsOf, proseOf } from './language/literals.mjs'
import { pageProse, plain } from './language/markdown.mjs'
import { languageProblems, problemsOf, wordsOf } from './language.mjs'

const inText = (text) => problemsOf('a.md', [{ line: 1, text }])

test('words that the glossary rules out are found, with the line and what to write', () => {
  for (const text of [
    'The engine in our care is stopped.',
    'This was mended.',
    'Late tokens are held against others.',
    'The server told its version.',
    'At the begin of the run.',
    'A file a rank is read.',
    'Two runs, one a target.',
    'It goes on after a break.',
    'A layer is taken out.',
    'No GPU was at hand.',
    'The prompt is decoded.',
    'In one turn of the event loop.',
    'We counted 1 requests.',
    'It took 12 us.',
    'More than 10 000 events.',
  ]) {
    expect(inText(text), text).toHaveLength(1)
  }
  expect(problemsOf('a.md', [{ line: 7, text: 'One line.\nIt was told\nhere.' }])).toEqual([
    expect.stringMatching(/^a\.md:8: "told": write /),
  ])
})

test('the same words in another meaning pass', () => {
  for (const text of [
    'A step begins with its prompts.',
    'It stands for the median.',
    'Tokens per second, 10,000 rows, 21 requests, 1 request, 1,000 requests, 0.1 requests.',
    'A decode prompt asks for a long answer.',
    'A turn of a conversation.',
  ]) {
    expect(inText(text), text).toEqual([])
  }
})

test('a sentence of more than 40 words is too long; code counts as one word', () => {
  const words = (n) => `${Array.from({ length: n }, (_, i) => `word${i}`).join(' ')}.`
  expect(inText(words(40))).toEqual([])
  expect(inText(words(41))).toEqual([expect.stringContaining('41 words')])
  expect(inText(`${words(30)} ${words(30)}`)).toEqual([])
  expect(inText(plain(`${words(39).slice(0, -1)} \`${words(20)}\`.`))).toEqual([])
})

test('pages are read without their code; each cell and item is a text of its own', () => {
  const page = [
    '# Head',
    '',
    'One',
    'two.',
    '```',
    'told',
    '```',
    '- item `told` [link](told.md)',
    '| a | b \\| c |',
    '|---|---|',
  ].join('\n')
  expect(pageProse(page).map(({ line, text }) => [line, text.trim()])).toEqual([
    [1, 'Head'],
    [3, 'One\ntwo.'],
    [8, 'item ‹› link'],
    [9, 'a'],
    [9, 'b   c'],
    [10, '---'],
    [10, '---'],
  ])
})

test('texts of programs are their string literals that are prose', () => {
  const source = [
    "import { a } from './a-thing'",
    '// a comment that was told',
    "const text = 'a text of words'",
    'const made = `a value ${b ? `nested ${c} text` : "other words here"} of it`',
    'const sql = `SELECT told FROM the table`',
    "const odd = /it's \"told\"/.test(x) / 2 + 'after a regex'",
  ].join('\n')
  expect(proseOf(source).map(({ line, text }) => [line, text])).toEqual([
    [3, 'a text of words'],
    [4, 'nested … text'],
    [4, 'other words here'],
    [4, 'a value … of it'],
    [6, 'after a regex'],
  ])
  expect(literalsOf("'it\\'s'")).toEqual([{ line: 1, text: "it's" }])
})

test('the texts of this project pass', () => {
  expect(languageProblems()).toEqual([])
})

test('comments are read without their marks, and not what is quoted in them', () => {
  const source = [
    "const url = 'http://a//b' // what the server told",
    '/**',
    ' * One line.',
    ' * It goes',
    ' * on after a break.',
    ' */',
    '// The engine in our',
    '// care.',
    '// `told` is a name.',
  ].join('\n')
  expect(commentsOf(source)).toEqual([
    { line: 1, text: 'what the server told' },
    { line: 2, text: expect.stringContaining('One line.\nIt goes\non after a break.') },
    { line: 7, text: 'The engine in our\ncare.\n`told` is a name.' },
  ])
  expect(wordsOf('a.ts', commentsOf(source))).toEqual([
    expect.stringMatching(/^a\.ts:1: "told": write /),
    expect.stringMatching(/^a\.ts:4: "goes on": write /),
    expect.stringMatching(/^a\.ts:7: "in our care": write /),
  ])
})

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedData } from '../../test/support/shared-cases.ts'
import { LayerlineError } from '../base/errors.ts'
import type { PromptRow } from './prompt-row.ts'
import { loadPrompts, parsePrompts } from './prompts.ts'

const REAL = ['prompts/for_tracing_decode.csv', 'prompts/for_tracing_prefill.csv']

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function parse(content: string | Uint8Array, size = 1 << 16): Promise<PromptRow[]> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  const rows: PromptRow[] = []
  for await (const row of parsePrompts(pieces(bytes, size), 'p')) rows.push(row)
  return rows
}

async function failure(work: Promise<unknown>): Promise<LayerlineError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof LayerlineError)) throw new Error(`expected a LayerlineError, got ${error}`)
  return error
}

describe('CSV of prompts', () => {
  it('reads what a writer wrote, whatever its newlines and wherever its bytes are split', async () => {
    const cell = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc
        .array(fc.constantFrom('"', ',', '\n', '\r', '\r\n', ' ', 'é', '🙂', 'a', '\uFEFF'))
        .map((part) => part.join('')),
    )
    const options = {
      rows: fc.array(fc.record({ note: cell, prompt: cell.filter((text) => text !== '') }), { minLength: 1 }),
      newline: fc.constantFrom('\n', '\r\n', '\r'),
      last: fc.boolean(),
      mark: fc.boolean(),
      quoteAll: fc.boolean(),
      step: fc.integer({ min: 1, max: 9 }),
    }
    await fc.assert(
      fc.asyncProperty(fc.record(options), async ({ rows, newline, last, mark, quoteAll, step }) => {
        const write = (text: string): string =>
          quoteAll || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
        const lines = ['note,prompt', ...rows.map((row) => `${write(row.note)},${write(row.prompt)}`)]
        const text = (mark ? '\uFEFF' : '') + lines.join(newline) + (last ? newline : '')
        const read = await parse(text, step)
        expect(read.map((row) => ({ note: row.attrs?.note ?? '', prompt: row.prompt }))).toEqual(rows)
        const before = (row: number): string => lines.slice(0, row + 1).join('\n')
        expect(read.map((row) => row.line)).toEqual(rows.map((_, i) => before(i).split(/\r\n|\n|\r/).length + 1))
      }),
    )
  })

  it('takes columns by name, ids by their four names, and keeps the rest', async () => {
    const rows = await parse(
      'Topic,SIZE,unit,max_tokens,stage,lang,Prompt\ncats,10,words,5,Prefill,en,"Say ""hi"""\n,,,,,,plain "word"\n',
    )
    expect(rows).toEqual([
      {
        id: 'cats',
        size: 10,
        requestedUnit: 'words',
        stage: 'prefill',
        prompt: 'Say "hi"',
        maxTokens: 5,
        attrs: { lang: 'en' },
        line: 2,
      },
      {
        id: '1',
        size: null,
        requestedUnit: null,
        stage: null,
        prompt: 'plain "word"',
        maxTokens: null,
        attrs: null,
        line: 3,
      },
    ])
    expect((await parse('iteration,prompt\n7,x\n'))[0]?.id).toBe('7')
    expect(await parse('id,topic,prompt\n7,dogs,x\n')).toMatchObject([{ id: '7', attrs: { topic: 'dogs' } }])
    expect(await parse(',prompt\n0,x\n')).toMatchObject([{ id: '0', attrs: { column_1: '0' } }])
    expect(await parse('prompt\n\nx\n\n')).toMatchObject([{ prompt: 'x', line: 3 }])
  })

  const broken: [name: string, content: string | Uint8Array, code: string, message: RegExp][] = [
    ['an empty file', '', 'input/prompts-empty', /^p: the file is empty/],
    ['blanks only', ' \n\r\n\t', 'input/prompts-empty', /^p: the file is empty/],
    ['a header only', 'size,prompt\n', 'input/prompts-empty', /^p: a header and no rows/],
    [
      'no prompt column',
      'size,text\n1,x\n',
      'input/csv-column',
      /^p:1:1: no column `prompt`; found `size`, `text`; expected/,
    ],
    ['a late header', '\n\nsize,text\n', 'input/csv-column', /^p:3:1: /],
    ['a column twice', 'prompt,Prompt\n', 'input/csv-column', /^p:1:1: two columns named `prompt`/],
    ['too many fields', 'size,prompt\n1,a\n2,b,c\n', 'input/csv-fields', /^p:3: 3 fields, but the header has 2/],
    ['too few fields', 'size,prompt\n"a\nb"\n', 'input/csv-fields', /^p:2: 1 fields/],
    ['an unclosed quote', 'size,prompt\n1,"a\nb"\n2,"c\nd\ne', 'input/csv-quote', /^p:4: a quote opened in this line/],
    ['text after a quote', 'size,prompt\n1,"a\nbc"d\n', 'input/csv-quote', /^p:3:4: "d" after a closing quote/],
    ['an empty prompt', 'size,prompt\n1,\n', 'input/prompt', /^p:2: the prompt is empty/],
    ['a size in words', 'size,prompt\nbig,x\n', 'input/prompt', /^p:2: size: .*number.*"big"/],
    ['an odd stage', 'stage,prompt\nboth,x\n', 'input/prompt', /^p:2: stage: .*prefill/],
    ['a limit of nothing', 'max_tokens,prompt\n0,x\n', 'input/prompt', /^p:2: max_tokens: .*0/],
    ['a bad byte', Buffer.from('size,prompt\r\n1,\xe9t\xe9\n', 'latin1'), 'input/utf8', /^p:2:3: not UTF-8: byte 0xe9/],
    ['a cut character', Buffer.from('prompt\né').subarray(0, -1), 'input/utf8', /^p:2:1: not UTF-8: byte 0xc3/],
    ['UTF-16', Buffer.from('\uFEFFprompt\nx', 'utf16le'), 'input/utf8', /^p: .*UTF-16/],
  ]
  it.each(broken)('refuses %s', async (_, content, code, message) => {
    for (const step of [1, 3, 1 << 16]) {
      const error = await failure(parse(content, step))
      expect(error.code).toBe(code)
      expect(error.message).toMatch(message)
      expect(error.exitCode).toBe(2)
    }
  })

  it('says what to do about other separators and JSON arrays', async () => {
    expect((await failure(parse('size;prompt\n1;x\n'))).hint).toMatch(/commas/)
    expect((await failure(parse('[{"prompt":"x"}]\n'))).hint).toMatch(/one JSON object a line/)
  })
})

describe('JSONL of prompts', () => {
  it('reads text, conversations and token ids', async () => {
    const messages = [{ role: 'user', content: 'Hi\n"you"' }]
    const text = [
      { id: 3, size: '64', prompt: 'a', max_tokens: 9, tags: ['x', 1], note: 'n' },
      { id: 'b', messages },
      { prompt: [1, 2, 3], stage: 'decode', size: null },
    ].map((object) => JSON.stringify(object))
    for (const step of [1, 7, 1 << 16]) {
      const rows = await parse(`\uFEFF\r\n${text.join('\r\n\r\n')}`, step)
      expect(rows).toMatchObject([
        { id: '3', size: 64, prompt: 'a', maxTokens: 9, attrs: { tags: '["x",1]', note: 'n' }, line: 2 },
        { id: 'b', prompt: messages, maxTokens: null, attrs: null, line: 4 },
        { id: '2', prompt: [1, 2, 3], stage: 'decode', size: null, line: 6 },
      ])
    }
  })

  it('reads any objects back, split at any byte', async () => {
    const row = fc.record({
      prompt: fc.string({ unit: 'binary', minLength: 1 }),
      extra: fc.string({ unit: 'grapheme' }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1 }), fc.integer({ min: 1, max: 9 }), async (rows, step) => {
        const read = await parse(rows.map((each) => `${JSON.stringify(each)}\n`).join(''), step)
        expect(read.map((each) => ({ prompt: each.prompt, extra: each.attrs?.extra ?? '' }))).toEqual(rows)
      }),
    )
  })

  const broken: [name: string, content: string, code: string, message: RegExp][] = [
    ['a missing value', '{"prompt":"a"}\n{"prompt":}', 'input/jsonl', /^p:2:11: not JSON: unexpected "}"/],
    ['a cut line', '{"prompt":"a"}\n\n{"prompt":"a b', 'input/jsonl', /^p:3:15: not JSON: the line ends/],
    ['a pretty-printed object', '{\n"prompt":"a"\n}', 'input/jsonl', /^p:1:2: not JSON: the line ends/],
    ['an array in a line', '{"prompt":"a"}\n[1]', 'input/jsonl', /^p:2:1: expected a JSON object, found an array/],
    ['no prompt', '{"text":"a"}', 'input/prompt', /^p:1: no `prompt` and no `messages`; found text/],
    ['both kinds', '{"prompt":"a","messages":[{"role":"user","content":"b"}]}', 'input/prompt', /^p:1: both/],
    ['no ids', '{"prompt":[]}', 'input/prompt', /^p:1: the prompt is empty|^p:1: prompt: /],
    ['ids that are none', '{"prompt":[1,-1]}', 'input/prompt', /^p:1: prompt\.1: .*-1/],
    [
      'a message of parts',
      '{"messages":[{"role":"user","content":[]}]}',
      'input/prompt',
      /^p:1: messages\.0\.content: /,
    ],
    ['a limit that is none', '{"prompt":"a","max_tokens":1.5}', 'input/prompt', /^p:1: max_tokens: /],
  ]
  it.each(broken)('refuses %s', async (_, content, code, message) => {
    const error = await failure(parse(content, 5))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })
})

describe('prompt files', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'layerline-prompts-'))
    await mkdir(join(folder, 'inputs'))
    await writeFile(join(folder, 'inputs', 'a.csv'), 'size,prompt\n64,x\n128,y\n64,z\n,w\n')
  })
  afterAll(() => rm(folder, { recursive: true }))

  it('are looked up in PROMPT_DIR and beside it', async () => {
    const promptDir = join(folder, 'inputs')
    expect(await loadPrompts('a.csv', { promptDir })).toHaveLength(4)
    expect(await loadPrompts('inputs/a.csv', { promptDir })).toHaveLength(4)
    const error = await failure(loadPrompts('b.csv', { promptDir }))
    expect(error.code).toBe('input/prompts-missing')
    expect(error.message).toContain(`looked at b.csv, ${join(promptDir, 'b.csv')}`)
    expect((await failure(loadPrompts(promptDir))).message).toContain('a folder')
  })

  it('are cut to the sizes asked for, in their own order', async () => {
    const path = join(folder, 'inputs', 'a.csv')
    const rows = await loadPrompts(path, { sizes: [128, 64], stage: 'decode' })
    expect(rows.map((row) => [row.id, row.prompt, row.stage])).toEqual([
      ['0', 'x', 'decode'],
      ['1', 'y', 'decode'],
      ['2', 'z', 'decode'],
    ])
    const error = await failure(loadPrompts(path, { sizes: [64, 65, 66] }))
    expect(error.message).toMatch(/no row of size 65, 66; sizes there: 64, 128$/)
  })

  it('of the original Tracer are read', async (context) => {
    for (const path of REAL.map((name) => sharedData(context, name))) {
      const rows = await loadPrompts(path)
      // The files have no quoted newline: each line after the header is a row that begins with its size.
      const lines = (await readFile(path, 'utf8')).trimEnd().split(/\r?\n/).slice(1)
      expect(rows.map((row) => row.size)).toEqual(lines.map((line) => Number(line.split(',')[0])))
      for (const [i, row] of rows.entries()) expect(lines[i]).toContain(String(row.prompt).slice(0, 40))
    }
  })
})

import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { loadPrompts, type PromptRow } from '../prompts.ts'
import type { PromptSetRow } from './plan.ts'
import { PromptSetFile, seedOfPart } from './prompt-set-file.ts'

const row = (index: number, more: Partial<PromptSetRow> = {}): PromptSetRow => ({
  size: 10,
  stage: 'prefill',
  unit: 'tokens',
  id: `prefill-10-${index}`,
  max_tokens: 16,
  element: null,
  prompt_tokens: 17,
  question_tokens: 7,
  bos_tokens: 0,
  template_tokens: null,
  prompt: `A "quoted", long text ${index}`,
  ...more,
})
const IDENTITY = { seed: 7, sizes: [10] }
const none = () => {}

describe.each(['set.csv', 'set.jsonl'])('%s', (name) => {
  it('is what trace reads, column by column', async () => {
    const out = join(tempFolder(), name)
    const file = await PromptSetFile.open(out, IDENTITY, none)
    for (let i = 0; i < 3; i++) await file.append(row(i))
    expect(existsSync(out)).toBe(false)
    await file.finish()
    const rows = await loadPrompts(out)
    expect(rows.map(({ prompt }) => prompt)).toEqual([0, 1, 2].map((i) => row(i).prompt))
    expect(rows[1]).toMatchObject({
      id: 'prefill-10-1',
      size: 10,
      requestedUnit: 'tokens',
      stage: 'prefill',
      maxTokens: 16,
      attrs: { prompt_tokens: '17', question_tokens: '7', bos_tokens: '0' },
    })
    expect(existsSync(`${out}.part`) || existsSync(`${out}.part.json`)).toBe(false)
  })

  it('goes on behind its last whole row', async () => {
    const out = join(tempFolder(), name)
    const first = await PromptSetFile.open(out, IDENTITY, none)
    await first.append(row(0))
    await first.append(row(1))
    await first.leave()
    expect(await seedOfPart(out)).toBe(7)
    const whole = readFileSync(`${out}.part`, 'utf8')
    for (const torn of ['', whole.slice(-9).trimEnd(), '10,prefill,"an open quote']) {
      appendFileSync(`${out}.part`, torn)
      const seen: PromptRow[] = []
      const again = await PromptSetFile.open(out, IDENTITY, (known) => seen.push(known))
      expect(again.done).toBe(2)
      expect(seen.map(({ id }) => id)).toEqual(['prefill-10-0', 'prefill-10-1'])
      await again.leave()
    }
    expect(readFileSync(`${out}.part`, 'utf8')).toBe(whole)
    const last = await PromptSetFile.open(out, IDENTITY, none)
    await last.append(row(2))
    await last.finish()
    expect((await loadPrompts(out)).map(({ id }) => id)).toEqual([0, 1, 2].map((i) => row(i).id))
  })

  it('begins anew where the part was cut off before its first row', async () => {
    const out = join(tempFolder(), name)
    await (await PromptSetFile.open(out, IDENTITY, none)).leave()
    writeFileSync(`${out}.part`, 'size,sta')
    const file = await PromptSetFile.open(out, IDENTITY, none)
    expect(file.done).toBe(0)
    await file.append(row(0))
    await file.finish()
    expect(await loadPrompts(out)).toHaveLength(1)
  })

  it('goes on with nothing else than what was begun, and says what differs', async () => {
    const out = join(tempFolder(), name)
    await (await PromptSetFile.open(out, IDENTITY, none)).leave()
    await expect(PromptSetFile.open(out, { ...IDENTITY, seed: 8 }, none)).rejects.toMatchObject({
      code: 'input/part-differs',
      message: expect.stringContaining('seed 7, now 8'),
    })
    writeFileSync(`${out}.part.json`, 'broken')
    await expect(PromptSetFile.open(out, IDENTITY, none)).rejects.toMatchObject({ code: 'input/part-differs' })
    expect(await seedOfPart(out)).toBeNull()
  })
})

it('never writes over a file, and takes only names that say a format', async () => {
  const out = join(tempFolder(), 'set.csv')
  writeFileSync(out, 'mine')
  await expect(PromptSetFile.open(out, IDENTITY, none)).rejects.toMatchObject({ code: 'input/out-exists' })
  expect(readFileSync(out, 'utf8')).toBe('mine')
  await expect(PromptSetFile.open(`${out}.txt`, IDENTITY, none)).rejects.toMatchObject({ code: 'usage/out' })
  await expect(PromptSetFile.open(join(out, 'x.csv'), IDENTITY, none)).rejects.toMatchObject({ code: 'input/out' })
})

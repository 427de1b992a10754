import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { readRunJson } from './run-folder.ts'

function refusal(text: string, bytes?: number): unknown {
  const folder = tempFolder()
  const path = join(folder, 'run.json')
  writeFileSync(path, text)
  if (bytes !== undefined) truncateSync(path, bytes)
  try {
    return readRunJson(folder)
  } catch (error) {
    return error
  }
}

it('is not read where it is larger than any is', () => {
  expect(refusal('{', 64 * 2 ** 20 + 1)).toMatchObject({
    code: 'input/run-json',
    message: expect.stringContaining('64 MiB'),
  })
})

it.each([
  ['lists', '[', ']'],
  ['objects', '{"a":', '}'],
])('is refused where its %s are nested deeper than any are', (_what, open, close) => {
  const deep = (levels: number) =>
    `{"format":{"major":1,"minor":0},"config":{"a":${open.repeat(levels)}0${close.repeat(levels)}}}`
  expect(refusal(deep(100_000))).toMatchObject({
    code: 'input/run-json',
    message: expect.stringContaining('100 deep'),
  })
  // Not so deep, it is refused for what it lacks.
  expect(refusal(deep(98))).toMatchObject({ code: 'input/run-json', message: expect.stringContaining('layerline') })
})

it('is named as what it is where it is no JSON', () => {
  expect(refusal('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90\n')).toMatchObject({
    code: 'input/run-json',
    message: expect.stringContaining('Git LFS pointer'),
  })
})

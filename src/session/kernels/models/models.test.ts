import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../../../../test/support/temp-folder.ts'
import { listedModel, type ModelRef, modelFolder, modelRef, readModelList } from './models.ts'

const id = (name: string): ModelRef => ({ name, path: null })
const folder = (path: string): ModelRef => ({ name: path, path })
const free = () => undefined

test("an id's parts are folders, of a folder only its last part, and no name leads elsewhere", () => {
  expect(modelFolder(id('Qwen/Qwen3-4B'), free)).toBe('Qwen/Qwen3-4B')
  expect(modelFolder(id('gpt2'), free)).toBe('gpt2')
  expect(modelFolder(folder('/data/models/Qwen3-4B'), free)).toBe('Qwen3-4B')
  expect(modelFolder(folder('/data/my model:v1'), free)).toBe('my_model_v1')
  expect(modelFolder(folder('/data/..model'), free)).toBe('m_model')
  expect(modelFolder(id('_batches/x'), free)).toBe('m_batches/x')
})

test('two models of one name have two folders, and keep them', () => {
  const owner = (name: string) => () => name
  expect(modelFolder(folder('/a/m'), owner('/a/m'))).toBe('m')
  const other = modelFolder(folder('/b/m'), owner('/a/m'))
  expect(other).toMatch(/^m-[0-9a-f]{8}$/)
  expect(modelFolder(folder('/c/m'), owner('/a/m'))).not.toBe(other)
})

test('a bad path in a list stops no other, and says why with its place; on the command line it is an error', () => {
  const list = join(tempFolder(), 'models.txt')
  writeFileSync(list, '# models\nQwen/Qwen3-4B\n/no/such/model  # gone\n')
  const models = readModelList(list).map(({ text, from }) => listedModel(text, from))
  expect(models).toEqual([
    { name: 'Qwen/Qwen3-4B', path: null },
    { name: '/no/such/model', path: '/no/such/model', wrong: expect.stringContaining(`${list}:3`) },
  ])
  expect(() => modelRef('/no/such/model', '--model')).toThrow(expect.objectContaining({ code: 'input/model' }))
})

test('a list that is another kind of file is named as that', () => {
  const list = join(tempFolder(), 'models.txt')
  writeFileSync(list, '<!DOCTYPE html><html></html>')
  expect(() => readModelList(list)).toThrow(expect.objectContaining({ code: 'input/model-list' }))
})

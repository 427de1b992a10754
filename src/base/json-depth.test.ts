import { expect, test } from 'vitest'
import { isDeeper } from './json-depth.ts'

test.each([
  ['{"a":[1,{"b":2}]}', 3],
  ['"[[[[["', 0],
  ['["\\"[[[", "\\\\", [1]]', 2],
  ['[[],[],[{}]]', 3],
  ['[[[', 3],
  ['', 0],
])('%s is %i deep', (text, depth) => {
  expect(isDeeper(text, depth)).toBe(false)
  if (depth > 0) expect(isDeeper(text, depth - 1)).toBe(true)
})

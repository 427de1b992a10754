import { expect, test } from 'vitest'
import { parseSeconds } from './duration-text.ts'

test.each([
  ['5', 5],
  ['5s', 5],
  ['0.5', 0.5],
  ['.5 s', 0.5],
  ['500ms', 0.5],
  ['10m', 600],
  ['10min', 600],
  ['1.5h', 5400],
  ['1h30m', 5400],
  ['250us', 0.00025],
  ['3e6', 3e6],
  ['0', 0],
  ['-1', -1],
  ['1100ms', 1.1],
])('%s is %d s', (text, seconds) => expect(parseSeconds(text)).toBe(seconds))

test.each(['', ' ', 's', 'ms', '5x', '5 5', '5s5', '5s5x', '1,5', 'Infinity', 'NaN', '0x10'])(
  '%j is no duration',
  (text) => expect(parseSeconds(text)).toBeNaN(),
)

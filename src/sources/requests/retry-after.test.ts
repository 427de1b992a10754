import { describe, expect, test } from 'vitest'
import { retryWaitMs } from './retry-after.ts'

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)
const wait = (header: string | null, tries = 0, waitedMs = 0) => retryWaitMs(header, tries, waitedMs, NOW)

describe('Retry-After', () => {
  test.each([
    ['7', 7000],
    [' 7 ', 7000],
    ['0', 0],
    ['007', 7000],
    ['Fri, 02 Jan 2026 03:04:35 GMT', 30_000],
    ['Friday, 02-Jan-26 03:04:35 GMT', 30_000],
    ['Fri Jan  2 03:04:35 2026', 30_000],
    ['Fri, 02 Jan 2026 03:04:00 GMT', 0],
    ['Mon, 01 Jan 2001 00:00:00 GMT', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
    ['1.5', 1500],
    ['0.25', 400],
  ])('%s is waited for', (header, ms) => {
    expect(wait(header)).toBe(ms)
  })

  test.each([
    null,
    '',
    'soon',
    '-1',
    '+1',
    '-0',
    '5, 5',
    '30s',
    '1e3',
    '0x10',
    '1,5',
    '.5',
    '5.',
    '٣',
    '2026-01-02T03:04:00Z',
    '02 Jan 2001',
    'Mon, 01 Foo 2001 00:00:00 GMT',
    'Mon, 31 Apr 2001 00:00:00 GMT',
    'Mon, 01 Jan 2001 25:00:00 GMT',
    'Mon, 01 Jan 2001 00:00:00 CET',
    'Mon, 1 Jan 2001 00:00:00 GMT',
  ])('%s is as if it were not there: the wait doubles from 0.5 s', (header) => {
    expect([0, 1, 2].map((tries) => wait(header, tries))).toEqual([500, 1000, 2000])
  })

  test('all waits of a request together have a limit', () => {
    expect(wait('300')).toBe(300_000)
    expect(wait('301')).toBeNull()
    expect(wait('99999999999999999999999')).toBeNull()
    expect(wait('200', 1, 100_000)).toBe(200_000)
    expect(wait('200', 1, 100_001)).toBeNull()
    expect(wait(null, 9, 255_500)).toBeNull()
  })
})

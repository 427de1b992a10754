import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import type { Arrival } from './arrival.ts'
import { openTrace } from './open-trace.ts'

/** More than is read before the first request, so that the rest is only known from its end, or not at all. */
const ROWS = 300_000

function long(more = '', rows = ROWS): string {
  const path = join(tempFolder(), 'long.csv')
  const lines = Array.from({ length: rows }, (_, i) => `${i}.5,${1 + (i % 1000)},5\n`)
  writeFileSync(path, `ts,in,out\n${lines.join('')}${more}`)
  return path
}

async function last(schedule: Awaited<ReturnType<typeof openTrace>>): Promise<Arrival> {
  let found: Arrival | undefined
  for await (const batch of schedule.batches()) found = batch.at(-1)
  return found as Arrival
}

describe('a trace longer than what is looked at', () => {
  it('has its span from its last rows, and no total', async () => {
    const schedule = await openTrace({ path: long() })
    expect([schedule.total, schedule.spanUs]).toEqual([null, (ROWS - 1) * 1e6])
    expect(schedule.notes[0]).toMatch(/^long\.csv: table, over 3 d 11 h; its first 26\d,\d{3} rows at 1 a second$/)
    expect(schedule.notes.at(-1)).toBe('its rest is counted as it is read')
    expect(await last(schedule)).toMatchObject({ index: ROWS - 1, tUs: (ROWS - 1) * 1e6 })
  })

  it('has both where a selection ends before', async () => {
    const schedule = await openTrace({ path: long(), limit: 1000 })
    expect([schedule.total, schedule.spanUs]).toEqual([1000, 999e6])
    expect(schedule.notes).toContain('of them 1,000 are offered over 16 min 39 s at 1 a second')
  })

  it('has both from a copy, counted before the first request; a sample is not', async () => {
    const path = long('300001,0,5\n300002,5000,5\n')
    const cacheDir = tempFolder()
    const whole = await openTrace({ path, cacheDir, from: '1000', overlong: { maxModelLen: 2000, policy: 'skip' } })
    expect([whole.total, whole.spanUs]).toEqual([ROWS - 1000, (ROWS - 1001) * 1e6])
    expect(await last(whole)).toMatchObject({ index: ROWS - 1001, tUs: (ROWS - 1001) * 1e6 })
    expect(whole.counts).toEqual({ zero_tokens: 1, overlong_skipped: 1 })
    const nothingOut = await openTrace({ path: long(), cacheDir, overlong: { maxModelLen: 1005, policy: 'skip' } })
    expect([nothingOut.total, nothingOut.spanUs]).toEqual([ROWS, (ROWS - 1) * 1e6])
    const sample = await openTrace({ path, cacheDir, sample: { share: 0.9, seed: 1 } })
    // The last rows may not be in the sample: the span is that of the file.
    expect([sample.total, sample.spanUs]).toEqual([null, 300_001.5e6])
    const limited = await openTrace({ path, cacheDir, limit: ROWS - 10 })
    expect([limited.total, limited.spanUs]).toEqual([ROWS - 10, null])
  })

  it('in gzip has neither before it is read', async () => {
    const path = join(tempFolder(), 'long.csv.gz')
    writeFileSync(path, gzipSync(readFileSync(long()), { level: 1 }))
    const schedule = await openTrace({ path })
    expect([schedule.total, schedule.spanUs]).toEqual([null, null])
    expect(schedule.notes[0]).toContain('its span is not known before it is read')
    expect(await last(schedule)).toMatchObject({ index: ROWS - 1 })
  })

  it('says that its last line is cut off, from its end', async () => {
    const schedule = await openTrace({ path: long('400000,5') })
    expect(schedule.notes).toContain('its last line is cut off and skipped')
    await last(schedule)
    expect(schedule.counts).toEqual({ truncated_last_line: 1 })
  })

  it('is sorted where only its end shows that it must be', async () => {
    const path = long('7.25,9,9\n')
    const schedule = await openTrace({ path })
    expect(schedule.notes).toContain('1 row came later than they should: sorted; --cache-dir would keep the result')
    const first = (await schedule.batches().next()).value as Arrival[]
    expect(first[7]).toMatchObject({ tUs: 6_750_000, inputTokens: 9 })
    expect(schedule.total).toBe(ROWS + 1)
    await schedule.close()
  })

  it('stops at a bad row with its line when it comes there; late rows in between are offered at once and counted', async () => {
    const path = long('', 280_000)
    appendFileSync(path, '280000.5,1,1\n5,77,77\n280001.5,1,1\n')
    appendFileSync(path, Array.from({ length: 20_000 }, (_, i) => `${280_002 + i},1,1\n`).join(''))
    const late = await openTrace({ path })
    let found: Arrival | undefined
    for await (const batch of late.batches())
      found ??= batch.find(({ inputTokens, outputTokens }) => inputTokens === 77 && outputTokens === 77)
    expect(found).toMatchObject({ index: 280_001, tUs: 280_000e6 })
    expect(late.counts).toEqual({ out_of_order: 1 })
    const lines = readFileSync(path, 'utf8').split('\n')
    lines[279_000] = 'oops,1,1'
    writeFileSync(path, lines.join('\n'))
    const bad = await openTrace({ path })
    await expect(last(bad)).rejects.toThrow(`${path}:279001: ts is "oops"; expected a time in s`)
  })
})

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import type { Arrival } from '../arrivals/arrival.ts'
import { openTrace, type TraceOptions } from '../arrivals/open-trace.ts'
import { CACHE_VERSION } from './cache-meta.ts'

async function all(options: TraceOptions) {
  const schedule = await openTrace(options)
  const arrivals: Arrival[] = []
  for await (const batch of schedule.batches()) arrivals.push(...batch)
  await schedule.close()
  return { schedule, arrivals }
}

function written(text: string, name = 't.csv'): string {
  const path = join(tempFolder(), name)
  writeFileSync(path, text)
  return path
}

const readFrom = async (options: TraceOptions) => (await openTrace(options)).provenance.read_from

it('a copy is Parquet that others can read, whole or not there', async () => {
  const path = written('ts,in,out,who\n0,5,6,a\n1,7,8,"b, ""c"""\n', 't.csv')
  const cacheDir = join(tempFolder(), 'deep', 'cache')
  await openTrace({ path, cacheDir, timeUnit: 's', map: { ts: 'ts', in: 'in', out: 'out', session: 'who' } })
  const [key, ...more] = readdirSync(cacheDir)
  expect(more).toEqual([])
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const rows = await connection.runAndReadAll(`FROM '${join(cacheDir, key as string, '*.parquet')}'`)
  expect(rows.getRowObjects()).toEqual([
    { t_us: 0, input: 5, output: 6, line: 2, session: 'a' },
    { t_us: 1e6, input: 7, output: 8, line: 3, session: 'b, "c"' },
  ])
  connection.closeSync()
  instance.closeSync()
})

it('conversations, blocks and lengths that are not said come back as they went', async () => {
  const rows = [
    {
      chat_id: 1,
      parent_chat_id: -1,
      timestamp: 0,
      input_length: 17,
      output_length: 1,
      turn: 1,
      hash_ids: [9, 2 ** 40],
    },
    { chat_id: 2, parent_chat_id: -1, timestamp: 1, input_length: 1, output_length: 1, turn: 1 },
    { chat_id: 3, parent_chat_id: 1, timestamp: 2, input_length: 20, output_length: 1, turn: 2, hash_ids: [9, 5] },
  ]
  const path = written(rows.map((row) => JSON.stringify(row)).join('\n'), 'q.jsonl')
  const cacheDir = tempFolder()
  const direct = (await all({ path })).arrivals
  await all({ path, cacheDir })
  expect((await all({ path, cacheDir })).arrivals).toEqual(direct)
  expect(direct[0]?.blocks?.ids).toEqual([9, 2 ** 40])
  const open = written('{"t":0,"n":5}\n', 't.jsonl')
  const options = { path: open, map: { ts: 't', in: 'n' }, timeUnit: 's' as const, cacheDir }
  await all(options)
  expect((await all(options)).arrivals[0]).toMatchObject({ inputTokens: 5, outputTokens: null })
})

it('a copy holds for the same bytes read the same way, whatever the file is called', async () => {
  const path = written('ts,in,out\n0,5,6\n1,7,8\n')
  const cacheDir = tempFolder()
  const options = { path, cacheDir, timeUnit: 's' as const }
  expect(await readFrom(options)).toBe('new cache')
  expect(await readFrom(options)).toBe('cache')
  const { mtime } = statSync(path)
  const renamed = written('ts,in,out\n0,5,6\n1,7,8\n', 'other.csv')
  utimesSync(renamed, mtime, mtime)
  utimesSync(path, mtime, mtime)
  expect(await readFrom(options)).toMatch(/cache$/)
  expect(await readFrom({ ...options, path: renamed })).toBe('cache')
  expect(await readFrom({ ...options, timeUnit: 'ms' })).toBe('new cache')
  expect(await readFrom({ ...options, skipBad: true })).toBe('new cache')
  writeFileSync(path, 'ts,in,out\n0,5,6\n1,7,9\n')
  utimesSync(path, mtime, mtime)
  const { arrivals, schedule } = await all(options)
  expect(schedule.provenance.read_from).toBe('new cache')
  expect(arrivals.at(-1)?.outputTokens).toBe(9)
})

it('--no-cache makes none and reads none', async () => {
  const path = written('ts,in,out\n0,5,6\n')
  const cacheDir = join(tempFolder(), 'cache')
  expect(await readFrom({ path, cacheDir, noCache: true })).toBe('file')
  expect(existsSync(cacheDir)).toBe(false)
})

it('a bad row leaves no copy behind; what was skipped is counted from a copy too', async () => {
  const path = written('ts,in,out\n0,5,6\nx,7,8\n2,0,9\n3,4')
  const cacheDir = tempFolder()
  const options = { path, cacheDir, timeUnit: 's' as const }
  await expect(openTrace(options)).rejects.toThrow(`${path}:3: ts is "x"; expected a time in s`)
  expect(readdirSync(cacheDir)).toEqual([])
  for (const from of ['new cache', 'cache']) {
    const { schedule } = await all({ ...options, skipBad: true })
    expect(schedule.provenance.read_from).toBe(from)
    expect(schedule.counts).toEqual({ bad_rows: 1, truncated_last_line: 1, zero_tokens: 1 })
    expect(schedule.notes).toContain('1 row cannot be read and is skipped (--skip-bad)')
    expect(schedule.notes).toContain('its last line is cut off and skipped')
  }
})

it('a damaged copy is made again, or named; what a crash left goes', async () => {
  const path = written('ts,in,out\n0,5,6\n')
  const cacheDir = tempFolder()
  const options = { path, cacheDir, timeUnit: 's' as const }
  await all(options)
  const [key] = readdirSync(cacheDir) as [string]
  const meta = join(cacheDir, key, 'meta.json')
  const text = readFileSync(meta, 'utf8')
  for (const damage of ['{', text.replace(`"version": ${CACHE_VERSION}`, '"version": 0')]) {
    writeFileSync(meta, damage)
    expect(await readFrom(options)).toBe('new cache')
    expect(readFileSync(meta, 'utf8')).toBe(text)
  }
  // No process has this pid: it is above what Linux gives out.
  const left = join(cacheDir, `${'0'.repeat(32)}.4194305-1-0badcafe.tmp`)
  mkdirSync(left)
  writeFileSync(meta, '')
  await all(options)
  expect(existsSync(left)).toBe(false)
  writeFileSync(join(cacheDir, key, 'part-00000.parquet'), 'PAR1')
  await expect(openTrace(options)).rejects.toThrow(`${join(cacheDir, key)}: cannot read this cache`)
})

it('several that make the same copy at once all have it', async () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => `${i},${i + 1},5`)
  const path = written(`ts,in,out\n${rows.join('\n')}\n`)
  const cacheDir = tempFolder()
  const found = await Promise.all([1, 2, 3].map(() => all({ path, cacheDir, timeUnit: 's' })))
  for (const { arrivals } of found) expect(arrivals).toHaveLength(20_000)
  expect(readdirSync(cacheDir)).toHaveLength(1)
})

it('an unsorted trace is sorted, rows of one instant in the order of the file; its copy goes when it is closed', async () => {
  const path = written('ts,in,out\n5,1,1\n0,2,1\n5,3,1\n0,4,1\n', 't.csv')
  const schedule = await openTrace({ path, timeUnit: 's' })
  expect(schedule.notes).toContain('2 rows came later than they should: sorted; --cache-dir would keep the result')
  const arrivals = (await schedule.batches().next()).value as Arrival[]
  expect(arrivals.map(({ tUs, inputTokens }) => [tUs, inputTokens])).toEqual([
    [0, 2],
    [0, 4],
    [5e6, 1],
    [5e6, 3],
  ])
  await schedule.close()
  await expect(schedule.batches().next()).rejects.toThrow('cannot read this cache')
})

it('making a copy says how far it is, and can be given up', async () => {
  const rows = Array.from({ length: 30_000 }, (_, i) => `${i},${i + 1},5`)
  const path = written(`ts,in,out\n${rows.join('\n')}\n`)
  const cacheDir = tempFolder()
  const seen: number[] = []
  await openTrace({ path, cacheDir, timeUnit: 's', onProgress: ({ rows: done }) => seen.push(done) })
  expect(seen.at(-1)).toBe(30_000)
  const signal = AbortSignal.abort()
  await expect(openTrace({ path, cacheDir, timeUnit: 'ms', signal })).rejects.toThrow()
  expect(readdirSync(cacheDir)).toHaveLength(1)
})

it.each(['t.csv', '/proc/cache'])(
  'where there can be no folder, as in %s, the cache folder is a mistake',
  async (at) => {
    const path = written('ts,in,out\n0,5,6\n1,7,8\n')
    const cacheDir = resolve(dirname(path), at)
    await expect(openTrace({ path, cacheDir })).rejects.toMatchObject({
      code: 'input/cache-dir',
      message: expect.stringContaining(cacheDir),
    })
  },
)

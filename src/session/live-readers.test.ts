import { existsSync, readdirSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { LayerlineError } from '../base/errors.ts'
import { openRun } from '../store/read/open-run.ts'
import type { StreamingReader } from '../store/read/run-reader.ts'
import { readRunJson } from '../store/run-folder.ts'
import { Recording } from './recording.ts'

/** What a closed segment holds. */
const SEGMENT_ROWS = 65_536

let recording: Recording
let readers: StreamingReader[] = []
afterEach(async () => {
  for (const reader of readers) await reader.close()
  readers = []
  if (recording.failure === null && readRunJson(recording.folder).state === 'recording') await recording.finish()
})

async function start(): Promise<string> {
  const out = join(tempFolder(), 'run')
  recording = await Recording.start(
    { command: 'test', out, config: {}, sampling: {}, seed: 7, hosts: [], engine: null },
    (error) => expect.unreachable(error.message),
  )
  return out
}

async function open(out: string, limits = {}): Promise<StreamingReader> {
  const reader = await openRun(out, limits)
  readers.push(reader)
  return reader
}

/** Rows numbered on from `from`. */
async function write(from: number, to: number): Promise<void> {
  for (let value = from; value < to; value++)
    recording.store.writers.counters.append({ track_id: 1, t_ns: value, value })
  await recording.store.commit()
}

async function numbered(reader: StreamingReader): Promise<unknown> {
  const [row] = await reader.query(
    'SELECT count(*) AS n, count(DISTINCT value)::DOUBLE AS d, min(value) AS low, max(value) AS high FROM counters',
  )
  return row
}

const upTo = (n: number) => ({ n, d: n, low: 0, high: n - 1 })
const copies = (out: string) => readdirSync(join(out, '.live')).filter((name) => name.startsWith('counters-'))

describe('a run that is recorded', () => {
  test('writes no copy before somebody asks; then for this user alone', async () => {
    const out = await start()
    await write(0, 10)
    expect(existsSync(join(out, '.live'))).toBe(false)
    expect(await numbered(await open(out))).toEqual(upTo(10))
    expect(statSync(join(out, '.live')).mode & 0o777).toBe(0o700)
    expect(statSync(join(out, 'recorder-0.sock')).mode & 0o777).toBe(0o600)
  })

  test('copies each row once, but for those of the segment that is open, and removes what nobody reads', async () => {
    const out = await start()
    await write(0, 2 * SEGMENT_ROWS + 100)
    const sinceMs = performance.now()
    const reader = await open(out)
    const first = copies(out)
    expect(first.length).toBe(3)
    await write(2 * SEGMENT_ROWS + 100, 2 * SEGMENT_ROWS + 300)
    await reader.refresh()
    // Within a second the same copy is given; a slow machine may have passed it.
    if (performance.now() - sinceMs < 1000) {
      expect(copies(out)).toEqual(first)
      expect(await numbered(reader)).toEqual(upTo(2 * SEGMENT_ROWS + 100))
    }
    const opened = first.filter((name) => Number(name.split('-')[2]) > SEGMENT_ROWS + 10_000)
    expect(opened.length).toBe(1)
    await expect
      .poll(
        async () => {
          await reader.refresh()
          return numbered(reader)
        },
        { timeout: 20_000, interval: 200 },
      )
      .toEqual(upTo(2 * SEGMENT_ROWS + 300))
    const second = copies(out)
    expect(second.length).toBe(3)
    expect(second.filter((name) => first.includes(name)).length).toBe(2)
  })

  test('keeps what a slow reader has while another gets more', async () => {
    const out = await start()
    await write(0, 500)
    const slow = await open(out)
    await write(500, 900)
    const quick = await open(out)
    await expect
      .poll(
        async () => {
          await quick.refresh()
          return numbered(quick)
        },
        { timeout: 20_000, interval: 200 },
      )
      .toEqual(upTo(900))
    expect(await numbered(slow)).toEqual(upTo(500))
    expect(copies(out).length).toBe(2)
    await slow.close()
    await expect.poll(() => copies(out).length, { timeout: 20_000 }).toBe(1)
    expect(await numbered(quick)).toEqual(upTo(900))
  })

  test('is read while it is written to its end, every copy a beginning of it without a gap', async () => {
    const out = await start()
    let written = 0
    let over = false
    const writing = (async () => {
      while (!over && written < 400_000) {
        await write(written, written + 20_000)
        written += 20_000
      }
    })()
    try {
      for (let i = 0; i < 4; i++) {
        const reader = await open(out)
        const found = (await numbered(reader)) as { n: number; d: number; high: number }
        expect(found.d).toBe(found.n)
        expect(found.high ?? -1).toBe(found.n - 1)
        await reader.close()
      }
    } finally {
      over = true
      await writing
    }
    await recording.finish()
    expect(await numbered(await open(out))).toEqual(upTo(written))
  })
})

describe('what a reader asks for is its own affair', () => {
  const HUNGRY =
    'SELECT count(*) FROM (SELECT DISTINCT a.value * 1e6 + b.value FROM counters a, counters b, counters c)'

  test('too much memory, time or rows are an answer to it, and the recording goes on', async () => {
    const out = await start()
    await write(0, 20_000)
    const reader = await open(out, { rows: 1000, ms: 20_000 })
    await expect(reader.query(HUNGRY)).rejects.toMatchObject({ code: 'usage/sql-limit', exitCode: 2 })
    await expect(reader.query('FROM counters')).rejects.toMatchObject({ code: 'usage/sql-limit' })
    const hasty = await open(out, { ms: 50 })
    await expect(
      hasty.query('SELECT count(*) FROM counters a, counters b WHERE a.value * b.value % 7 = 3'),
    ).rejects.toMatchObject({ code: 'usage/sql-limit' })
    expect(await numbered(hasty)).toEqual(upTo(20_000))
    await write(20_000, 30_000)
    const run = await recording.finish()
    expect(run).toMatchObject({ state: 'sealed', ended_by: 'done', layers: { counters: { rows: 30_000, dropped: 0 } } })
  })

  test('a run that is sealed meanwhile says so, and is there when asked again', async () => {
    const out = await start()
    await write(0, 2000)
    const reader = await open(out)
    const { batches } = await reader.stream('SELECT a.value FROM counters a, counters b')
    const reading = batches()
    await reading.next()
    await recording.finish()
    expect(existsSync(join(out, '.live'))).toBe(false)
    for (const ask of [() => reader.query('FROM counters'), () => reader.refresh()])
      await expect(ask()).rejects.toMatchObject({ code: 'unreachable/recorder', exitCode: 3 })
    // What it had begun to read it may read on, or hears the same.
    const rest = await reading.next().catch((error: unknown) => error)
    if (rest instanceof Error) expect(rest).toMatchObject({ code: 'unreachable/recorder' })
    expect(await numbered(await open(out))).toEqual(upTo(2000))
  })

  test('whoever sends something else, or far too much, is not listened to', async () => {
    const out = await start()
    await write(0, 10)
    for (const text of ['GET / HTTP/1.1\r\n\r\n', 'x'.repeat(1_000_000), 'copy\ncopy\n', '\0']) {
      const socket = createConnection(join(out, 'recorder-0.sock'))
      socket.on('error', () => {})
      socket.resume()
      socket.write(text)
      await new Promise((resolve) => socket.once('close', resolve))
    }
    expect(await numbered(await open(out))).toEqual(upTo(10))
  })

  test('a recorder that cannot copy says why, and records on', async () => {
    const out = await start()
    await write(0, 10)
    // Something is where the folder should be.
    const { writeFileSync } = await import('node:fs')
    writeFileSync(join(out, '.live'), '')
    const error = await openRun(out).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(LayerlineError)
    await write(10, 20)
    expect((await recording.finish()).layers.counters?.rows).toBe(20)
  })
})

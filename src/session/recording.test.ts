import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { LayerlineError } from '../base/errors.ts'
import { openRun } from '../store/read/open-run.ts'
import { readRunJson, writeRunJson } from '../store/run-folder.ts'
import { recoverRun } from '../store/seal/recover.ts'
import { codeOf } from '../trace/columns.ts'
import { CHUNK_KINDS, LAYERS, PHASES, STATUSES } from '../trace/tables.ts'
import { Recording } from './recording.ts'

const begin = async (out: string, onFailure: (error: LayerlineError) => void) => {
  const options = { command: 'test', out, config: {}, sampling: {}, seed: 7, hosts: [], engine: null }
  const recording = await Recording.start(options, onFailure)
  onTestFinished(() => recording[Symbol.asyncDispose]())
  return recording
}
const start = (out: string) => begin(out, (error) => expect.unreachable(error.message))

const request = (request_id: number) => ({
  request_id,
  shard: 0,
  scheduled_ns: request_id * 10,
  status: codeOf(STATUSES, 'ok'),
  phase: codeOf(PHASES, 'measured'),
  repeat: 0,
  profiled: false,
})

describe('a run from start to seal', () => {
  test('every value comes back as it was written, NULLs and codes too', async () => {
    const row = fc.record({
      index: fc.nat(4_000_000_000),
      // -0 is the same time as 0, and may come back as that.
      t_ns: fc.double({ noNaN: true, min: -1e15, max: 1e15 }).map((ns) => ns + 0),
      late_ns: fc.double({ noNaN: true, min: 0, max: 1e9 }),
      tokens: fc.option(fc.nat(1000)),
      bytes: fc.nat(1_000_000),
      kind: fc.nat(CHUNK_KINDS.length - 1),
      coalesced: fc.boolean(),
    })
    const text = fc.option(fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\0')))
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 40 }), fc.array(text, { maxLength: 20 }), async (rows, errors) => {
        const out = join(tempFolder(), 'run')
        const recording = await start(out)
        rows.forEach((chunk, request_id) => recording.store.writers.chunks.append({ request_id, ...chunk }))
        errors.forEach((error, id) =>
          recording.store.writers.requests.append({ ...request(id), error, size: error === null ? null : id / 3 }),
        )
        await recording.finish()
        const run = await openRun(out)
        const chunks = await run.query('SELECT * FROM chunks ORDER BY request_id')
        const requests = await run.query(
          'SELECT request_id, error, size, status, phase, profiled FROM requests ORDER BY request_id',
        )
        await run.close()
        expect(chunks).toEqual(
          rows.map((chunk, request_id) => ({ request_id, ...chunk, kind: CHUNK_KINDS[chunk.kind] })),
        )
        expect(requests).toEqual(
          errors.map((error, request_id) => ({
            request_id,
            error,
            size: error === null ? null : request_id / 3,
            status: 'ok',
            phase: 'measured',
            profiled: false,
          })),
        )
      }),
      { numRuns: 8 },
    )
  })

  test('numbers of a run that is being recorded are those of the sealed one', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await start(out)
    const rest = { late_ns: 0.5, bytes: 1, kind: 1, coalesced: false }
    for (let index = 0; index < 5000; index++) {
      recording.store.writers.chunks.append({ request_id: 3, index, t_ns: index * 1.5, ...rest })
    }
    await recording.store.commit()
    const numbers = async () => {
      const run = await openRun(out)
      const found: number[][] = []
      for await (const { columns } of run.numbers('SELECT "index", t_ns FROM chunks')) {
        for (const [i, index] of [...(columns[0] ?? [])].entries()) found.push([index, columns[1]?.[i] ?? Number.NaN])
      }
      await run.close()
      return found
    }
    const live = await numbers()
    await recording.finish()
    expect(live).toEqual(Array.from({ length: 5000 }, (_, index) => [index, index * 1.5]))
    expect(await numbers()).toEqual(live)
  })

  test('events of one moment are sorted by request, and stay in the order of their index', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await start(out)
    const rest = { late_ns: 0, bytes: 1, kind: 1, coalesced: false }
    const rows = [1, 0].flatMap((request_id) => [0, 1].map((index) => ({ request_id, index, t_ns: 5 })))
    for (const row of rows) recording.store.writers.chunks.append({ ...row, ...rest })
    await recording.finish()
    const run = await openRun(out)
    const order = await run.query('SELECT request_id, "index" FROM chunks')
    await run.close()
    expect(order.map(({ request_id, index }) => [request_id, index])).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ])
  })

  test('more rows than a batch holds arrive whole and sorted by time', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await start(out)
    const { chunks } = recording.store.writers
    const count = 20_001
    for (let i = 0; i < count; i++) {
      const at = chunks.next()
      const c = chunks.columns
      c.request_id[at] = i % 7
      c.index[at] = i
      c.t_ns[at] = (i * 7919) % count
      c.late_ns[at] = 0
      c.tokens[at] = 1
      c.bytes[at] = 10
      c.kind[at] = 1
      c.coalesced[at] = 0
      if (i % 50 === 0) chunks.settle()
    }
    await recording.finish()
    const run = await openRun(out)
    const [facts] = await run.query('SELECT count(*) AS n, sum("index") AS s, count(DISTINCT "index") AS d FROM chunks')
    const order = await run.query('SELECT t_ns FROM chunks')
    await run.close()
    expect(facts).toEqual({ n: count, s: (count * (count - 1)) / 2, d: count })
    expect(order.map(({ t_ns }) => t_ns)).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(readRunJson(out).layers.chunks).toEqual({ rows: count, dropped: 0, lost: 0 })
  })

  test('a live run is read through its recorder, and is not sealed by recover', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await start(out)
    recording.store.writers.requests.append(request(3))
    recording.store.writers.tracks.append({ track_id: 1, layer: codeOf(LAYERS, 'host'), name: 'x', clock: 'run' })
    await recording.store.commit()
    const run = await openRun(out)
    expect(run.run.state).toBe('recording')
    expect(await run.query('SELECT request_id, status FROM requests')).toEqual([{ request_id: 3, status: 'ok' }])
    expect(await run.query('SELECT layer FROM tracks')).toEqual([{ layer: 'host' }])
    // Larger than any buffer between the two: the answer is streamed.
    const many = await run.query('SELECT range AS i FROM range(200000)')
    expect(many.length).toBe(200_000)
    expect(many.at(-1)).toEqual({ i: 199_999 })
    await recording.finish()
  })

  test('offers without an end become interrupted requests, with what their events tell', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await start(out)
    const { offers, chunks, requests } = recording.store.writers
    const phase = codeOf(PHASES, 'measured')
    for (const request_id of [1, 2, 3])
      offers.append({
        request_id,
        shard: 0,
        scheduled_ns: 5,
        sent_ns: 6,
        phase,
        repeat: 0,
        prompt_id: `p${request_id}`,
      })
    requests.append(request(1))
    const events = [
      { kind: 'role', t_ns: 100, tokens: null },
      { kind: 'content', t_ns: 110, tokens: 2 },
      { kind: 'content', t_ns: 150, tokens: 1 },
      { kind: 'usage', t_ns: 160, tokens: null },
    ] as const
    events.forEach(({ kind, ...event }, index) =>
      chunks.append({
        request_id: 2,
        index,
        ...event,
        kind: codeOf(CHUNK_KINDS, kind),
        late_ns: 0,
        bytes: 1,
        coalesced: false,
      }),
    )
    await recording.finish()
    const run = await openRun(out)
    const rows = await run.query(
      'SELECT request_id, status, prompt_id, sent_ns, first_token_ns, last_token_ns, end_ns, max_gap_ns, output_tokens FROM requests ORDER BY request_id',
    )
    await run.close()
    expect(rows[0]).toMatchObject({ request_id: 1, status: 'ok' })
    expect(rows[1]).toEqual({
      request_id: 2,
      status: 'interrupted',
      prompt_id: 'p2',
      // The hand-over time is not the time of the last byte: a crash leaves no record of that.
      sent_ns: null,
      first_token_ns: 110,
      last_token_ns: 150,
      end_ns: 160,
      max_gap_ns: 40,
      output_tokens: 3,
    })
    expect(rows[2]).toMatchObject({
      request_id: 3,
      status: 'interrupted',
      prompt_id: 'p3',
      first_token_ns: null,
      output_tokens: null,
    })
    expect(rows.length).toBe(3)
  })

  test('sealing can be repeated at any point and gives the same run', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await start(out)
    recording.store.writers.requests.append(request(1))
    await recording.store.close()
    // A seal that was cut off: a part half written, and one renamed already but not recorded in run.json.
    mkdirSync(join(out, 'requests'))
    writeFileSync(join(out, 'requests', 'part-0-0.parquet.tmp'), 'half')
    writeFileSync(join(out, 'requests', 'part-0-0.parquet'), 'from the first try')
    const first = await recoverRun(out)
    expect(first.wasOpen).toBe(true)
    const before = readFileSync(join(out, 'run.json'), 'utf8')
    expect((await recoverRun(out)).wasOpen).toBe(false)
    expect(readFileSync(join(out, 'run.json'), 'utf8')).toBe(before)
    const run = await openRun(out)
    expect(await run.query('SELECT request_id FROM requests')).toEqual([{ request_id: 1 }])
    await run.close()
    expect(readdirSync(out).filter((name) => name.startsWith('live') || name.endsWith('.sock'))).toEqual([])
    expect(readdirSync(join(out, 'requests'))).toEqual(['part-0-0.parquet'])
  })

  test('a store that could not keep the last rows leaves the run open, to be recovered', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await start(out)
    recording.store.writers.requests.append(request(0))
    await recording.store.commit()
    recording.failure = new LayerlineError('missing/disk-space', 'no space left on the disk')
    await expect(recording.finish()).rejects.toBe(recording.failure)
    expect(readRunJson(out).state).toBe('recording')
    const { run } = await recoverRun(out)
    expect(run).toMatchObject({ state: 'sealed', layers: { requests: { rows: 1 } } })
  })

  test('no live file goes unsealed, whatever run.json says of shards; a second recovery changes nothing', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await start(out)
    recording.store.writers.requests.append(request(1))
    await recording.store.close()
    writeRunJson(out, { ...readRunJson(out), shards: [] })
    const both = await Promise.allSettled([recoverRun(out), recoverRun(out)])
    expect(both.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0)
    const run = await openRun(out)
    expect(await run.query('SELECT request_id FROM requests')).toEqual([{ request_id: 1 }])
    expect(run.run.ended_by).toBe('crash')
    expect(run.run.layers.requests?.rows).toBe(1)
    await run.close()
  })

  test('a recorder killed before all its tables were there can be sealed', async () => {
    const out = join(tempFolder(), 'run')
    const recording = await start(out)
    await recording.store.close()
    const instance = await DuckDBInstance.create(join(out, 'live-0.duckdb'))
    const connection = await instance.connect()
    await connection.run('DROP TABLE live_requests; DROP TABLE live_mips')
    connection.closeSync()
    instance.closeSync()
    await recoverRun(out)
    const run = await openRun(out)
    expect(await run.query('SELECT count(*) AS n FROM requests')).toEqual([{ n: 0 }])
    await run.close()
  })

  test('a sealed run whose live file is still there loses only that file', async () => {
    const out = join(tempFolder(), 'run')
    await (await start(out)).finish()
    writeFileSync(join(out, 'live-0.duckdb'), 'left over')
    await recoverRun(out)
    expect(existsSync(join(out, 'live-0.duckdb'))).toBe(false)
  })
})

describe('wrong folders and versions', () => {
  test('an --out that exists, one that cannot be made, a folder that is no run', async () => {
    const folder = tempFolder()
    await expect(start(folder)).rejects.toThrow(/exists already/)
    writeFileSync(join(folder, 'file'), '')
    await expect(start(join(folder, 'file', 'run'))).rejects.toMatchObject({
      code: 'input/out-unwritable',
      exitCode: 2,
    })
    await expect(openRun(folder)).rejects.toThrow(/no run\.json in it/)
    await expect(openRun(join(folder, 'nowhere'))).rejects.toThrow(/no such folder/)
  })

  test('a newer major version is refused in a sentence, a newer minor is read', async () => {
    const out = join(tempFolder(), 'run')
    await (await start(out)).finish()
    const run = readRunJson(out)
    writeRunJson(out, { ...run, format: { major: 1, minor: 99 } })
    await (await openRun(out)).close()
    writeRunJson(out, { ...run, format: { major: 2, minor: 0 }, layerline: '9.1.0' })
    await expect(openRun(out)).rejects.toThrow(/run format 2, but this Layerline reads up to 1/)
    await expect(openRun(out)).rejects.toMatchObject({ exitCode: 2, hint: expect.stringContaining('9.1.0') })
  })

  test('a damaged run.json says where', async () => {
    const out = join(tempFolder(), 'run')
    await (await start(out)).finish()
    for (const text of ['', '{', '[]', '{"format":{}}', '{"format":{"major":1,"minor":0}}']) {
      writeFileSync(join(out, 'run.json'), text)
      await expect(openRun(out)).rejects.toThrow(`${join(out, 'run.json')}: `)
    }
  })
})

describe('a run whose folder goes while it is recorded', () => {
  test('fails when run.json is to be written, and closes; amending does not throw', async () => {
    const out = join(tempFolder(), 'run')
    const failures: LayerlineError[] = []
    const recording = await begin(out, (error) => failures.push(error))
    rmSync(out, { recursive: true })
    recording.amend((run) => ({ ...run, seed: 8 }))
    recording.amend((run) => ({ ...run, seed: 9 }))
    expect(failures.map(({ code, exitCode }) => ({ code, exitCode }))).toEqual([
      { code: 'missing/run-folder', exitCode: 4 },
    ])
    await expect(recording.finish()).rejects.toBe(failures[0])
    expect(existsSync(out)).toBe(false)
  })

  test('is noticed without a word being written', async () => {
    const out = join(tempFolder(), 'run')
    const failures: LayerlineError[] = []
    await begin(out, (error) => failures.push(error))
    rmSync(out, { recursive: true })
    await vi.waitFor(() => expect(failures.map(({ code }) => code)).toEqual(['missing/run-folder']), 20_000)
  })
})

test('a recording that is disposed of unfinished can be recovered, twice disposed of or not', async () => {
  const out = join(tempFolder(), 'run')
  {
    await using recording = await start(out)
    recording.store.writers.requests.append(request(1))
  }
  const { run } = await recoverRun(out)
  expect(run).toMatchObject({ state: 'sealed', ended_by: 'crash', layers: { requests: { rows: 1 } } })
})

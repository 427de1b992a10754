import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import type { Arrival } from './arrival.ts'
import { openTrace, type TraceOptions } from './open-trace.ts'
import { parseTraceTime } from './trace-time.ts'

async function all(options: TraceOptions, from = 0) {
  const schedule = await openTrace(options)
  const arrivals: Arrival[] = []
  for await (const batch of schedule.batches(from)) arrivals.push(...batch)
  const counts = { ...schedule.counts }
  await schedule.close()
  return { schedule, arrivals, counts }
}

function table(rows: readonly string[], header = 'ts,in,out'): string {
  const path = join(tempFolder(), 't.csv')
  writeFileSync(path, `${[header, ...rows].join('\n')}\n`)
  return path
}

const tokens = (arrivals: readonly Arrival[]) =>
  arrivals.map(({ inputTokens, outputTokens }) => [inputTokens, outputTokens])

interface Row {
  t: number
  input: number
  output: number
}

interface Chosen {
  from: number | undefined
  to: number | undefined
  limit: number | undefined
  room: number
  policy: 'skip' | 'clamp'
}

/** What is offered, computed in the simplest way: the whole trace in memory. */
function model(
  rows: readonly Row[],
  { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, limit, room, policy }: Chosen,
) {
  const sorted = rows.map((row, line) => ({ ...row, line })).sort((a, b) => a.t - b.t || a.line - b.line)
  const zero = sorted[0]?.t ?? 0
  const kept = sorted
    .filter(({ t }) => t - zero >= from && t - zero < to)
    .filter(({ input, output }) => input > 0 && output > 0)
    .filter(({ input, output }) => policy === 'clamp' || input + output <= room)
    .map(({ t, input, output }) => {
      if (input + output <= room) return { t, input, output }
      const cut = Math.min(input, room - 1)
      return { t, input: cut, output: Math.min(output, room - cut) }
    })
    .slice(0, limit)
  return kept.map(({ t, input, output }, index) => [index, (t - (kept[0]?.t ?? 0)) * 1e6, input, output])
}

describe('what is offered of a trace', () => {
  it('is the same from the file, from a copy and by a plain model, sorted or not', async () => {
    const row = fc.record({ t: fc.nat(60), input: fc.nat(40), output: fc.nat(40) })
    const chosen = fc.record({
      from: fc.option(fc.nat(40), { nil: undefined }),
      to: fc.option(fc.integer({ min: 41, max: 70 }), { nil: undefined }),
      limit: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      room: fc.integer({ min: 2, max: 80 }),
      policy: fc.constantFrom('skip' as const, 'clamp' as const),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 40 }),
        fc.boolean(),
        chosen,
        async (given, sorted, choice) => {
          const rows = sorted ? [...given].sort((a, b) => a.t - b.t) : given
          const path = table(rows.map(({ t, input, output }) => `${t},${input},${output}`))
          const expected = model(rows, choice)
          const options: TraceOptions = {
            path,
            timeUnit: 's',
            overlong: { maxModelLen: choice.room, policy: choice.policy },
            ...(choice.from === undefined ? {} : { from: `${choice.from}` }),
            ...(choice.to === undefined ? {} : { to: `${choice.to}s` }),
            ...(choice.limit === undefined ? {} : { limit: choice.limit }),
          }
          for (const each of [options, { ...options, cacheDir: tempFolder() }]) {
            if (expected.length === 0) {
              await expect(openTrace(each)).rejects.toThrow('no row is left to offer')
              continue
            }
            const { schedule, arrivals } = await all(each)
            expect(arrivals.map((a) => [a.index, a.tUs, a.inputTokens, a.outputTokens])).toEqual(expected)
            expect([schedule.total, schedule.spanUs]).toEqual([expected.length, expected.at(-1)?.[1]])
          }
        },
      ),
      { numRuns: 15 },
    )
  })

  it('goes on from an index as if all before had been offered', async () => {
    const path = table(
      Array.from({ length: 50 }, (_, i) => `${i},${i + 1},5,s${i % 3}`),
      'ts,in,out,who',
    )
    const options = { path, map: { ts: 'ts', in: 'in', out: 'out', session: 'who' }, sample: { share: 0.7, seed: 1 } }
    const whole = (await all(options)).arrivals
    expect(whole.length).toBeGreaterThan(10)
    expect((await all(options, 7)).arrivals).toEqual(whole.slice(7))
  })

  it('can be read again, and at once; its counts are those of the reading begun last', async () => {
    const path = table(['0,1,1', '1,0,1', '2,3,3'])
    const schedule = await openTrace({ path })
    const [a, b] = [schedule.batches(), schedule.batches()]
    expect((await a.next()).value).toEqual((await b.next()).value)
    expect(await b.next()).toMatchObject({ done: true })
    expect(schedule.counts).toEqual({ zero_tokens: 1 })
    await a.return()
  })

  it('a sample is chosen by the seed, near its share, and the same from a copy', async () => {
    const path = table(Array.from({ length: 4000 }, (_, i) => `${i},${i + 1},5`))
    const one = await all({ path, sample: { share: 0.25, seed: 1 } })
    // Four standard deviations of a binomial: 4 * sqrt(4000 * 0.25 * 0.75) = 110.
    expect(Math.abs(one.arrivals.length - 1000)).toBeLessThan(110)
    expect(one.counts).toEqual({ not_sampled: 4000 - one.arrivals.length })
    expect((await all({ path, sample: { share: 0.25, seed: 1 }, cacheDir: tempFolder() })).arrivals).toEqual(
      one.arrivals,
    )
    const other = await all({ path, sample: { share: 0.25, seed: 2 } })
    expect(tokens(other.arrivals)).not.toEqual(tokens(one.arrivals))
  })

  it('a sample of conversations takes them whole', async () => {
    const path = table(
      Array.from({ length: 900 }, (_, i) => `${i},1,5,s${i % 300}`),
      'ts,in,out,who',
    )
    const { arrivals } = await all({
      path,
      map: { ts: 'ts', in: 'in', out: 'out', session: 'who' },
      sample: { share: 0.5, seed: 3 },
    })
    const turns = new Map<string, number[]>()
    for (const { session } of arrivals)
      turns.set(session?.id ?? '', [...(turns.get(session?.id ?? '') ?? []), session?.turn ?? -1])
    expect(turns.size).toBeGreaterThan(100)
    expect(turns.size).toBeLessThan(200)
    expect([...turns.values()].every((each) => each.join() === '0,1,2')).toBe(true)
  })

  it('too long rows are skipped, clamped with their blocks, or stop with their place', async () => {
    const path = join(tempFolder(), 'm.jsonl')
    const row = (timestamp: number, input_length: number, output_length: number) =>
      JSON.stringify({
        timestamp,
        input_length,
        output_length,
        hash_ids: Array.from({ length: Math.ceil(input_length / 512) }, (_, i) => i),
      })
    writeFileSync(path, [row(0, 512, 10), row(1000, 1500, 100), row(2000, 1000, 100)].join('\n'))
    const skip = await all({ path, overlong: { maxModelLen: 1024, policy: 'skip' } })
    expect(tokens(skip.arrivals)).toEqual([[512, 10]])
    expect(skip.counts).toEqual({ overlong_skipped: 2 })
    const clamp = await all({ path, overlong: { maxModelLen: 1024, policy: 'clamp' } })
    expect(tokens(clamp.arrivals)).toEqual([
      [512, 10],
      [1023, 1],
      [1000, 24],
    ])
    expect(clamp.arrivals[1]?.blocks?.ids).toEqual([0, 1])
    expect(clamp.counts).toEqual({ overlong_clamped: 2 })
    await expect(openTrace({ path, overlong: { maxModelLen: 1024, policy: 'fail' } })).rejects.toThrow(
      `${path}:2: 1500 tokens of input and 100 of output, but the server takes 1024 in all`,
    )
  })

  it('turns that come in another order than the trace numbers them are counted', async () => {
    const path = table(['0,1,5,a,2', '1,1,5,a,1', '2,1,5,a,3'], 'ts,in,out,who,turn')
    const map = { ts: 'ts', in: 'in', out: 'out', session: 'who', turn: 'turn' }
    const { arrivals, counts } = await all({ path, map })
    expect(arrivals.map(({ session }) => session?.turn)).toEqual([0, 1, 2])
    expect(counts).toEqual({ turns_out_of_order: 1 })
  })
})

describe('--jitter', () => {
  const rows = Array.from({ length: 300 }, (_, i) => `${3000 * Math.floor(i / 10)},${i + 1},5`)

  it('spreads rows of a tick over it by the seed, loses none and stays in order', async () => {
    const path = table(rows)
    const options = { path, timeUnit: 'ms' as const }
    const { arrivals, schedule } = await all({ ...options, jitterSeed: 1 })
    expect(schedule.provenance).toMatchObject({ jitter: { seed: 1, tick_us: 3_000_000 } })
    expect(arrivals.map(({ inputTokens }) => inputTokens).sort((a, b) => a - b)).toEqual(rows.map((_, i) => i + 1))
    for (let i = 1; i < arrivals.length; i++)
      expect(arrivals[i]?.tUs).toBeGreaterThanOrEqual(arrivals[i - 1]?.tUs as number)
    const zeroUs = (arrivals.find(({ index }) => index === 0) as Arrival).tUs
    expect(zeroUs).toBe(0)
    // Each stays in the tick of its stamp: the schedule's zero is the first one, somewhere in the first tick.
    const offsets = arrivals.map((a) => a.tUs - 3e6 * Math.floor((a.inputTokens - 1) / 10))
    expect(Math.max(...offsets) - Math.min(...offsets)).toBeLessThan(3e6)
    // 300 even draws of [0, 3 s): the gaps are no more on ticks.
    expect(new Set(arrivals.map(({ tUs }) => tUs)).size).toBeGreaterThan(290)
    expect((await all({ ...options, jitterSeed: 1 })).arrivals).toEqual(arrivals)
    expect((await all({ ...options, jitterSeed: 1, cacheDir: tempFolder() })).arrivals).toEqual(arrivals)
    expect((await all({ ...options, jitterSeed: 2 })).arrivals).not.toEqual(arrivals)
  })

  it('changes nothing where times stand on no ticks, and says so', async () => {
    const path = table(Array.from({ length: 40 }, (_, i) => `${i * 1.000_37 + 0.000001 * (i % 7)},${i + 1},5`))
    const { arrivals, schedule } = await all({ path, timeUnit: 's', jitterSeed: 1 })
    expect(arrivals).toEqual((await all({ path, timeUnit: 's' })).arrivals)
    expect(schedule.notes).toContain('its times stand on no ticks: --jitter changes nothing')
  })
})

describe('trace time', () => {
  it.each([
    ['90', 90e6],
    ['0.5', 500_000],
    ['10m', 600e6],
    ['1h30m', 5400e6],
    ['2d', 172_800e6],
    ['250ms', 250_000],
    ['1m0.5s', 60_500_000],
  ])('%s after the first row', (text, afterUs) => {
    expect(parseTraceTime(text, '--from')).toEqual({ afterUs })
  })

  it('an instant', () => {
    expect(parseTraceTime('2023-11-16T18:20:00Z', '--to')).toEqual({ atUs: Date.UTC(2023, 10, 16, 18, 20) * 1000 })
  })

  it.each(['', 'x', '10 m', '-5', '5x', 'm', 'tomorrow'])('is none: %j', (text) => {
    expect(() => parseTraceTime(text, '--from')).toThrow(`--from ${text}: expected seconds`)
  })

  it('instants select where the trace has dates, and are refused where it has none', async () => {
    const dated = table(['2024-05-12 00:00:00,1,1', '2024-05-12 00:00:05,2,2', '2024-05-12 00:00:09,3,3'])
    const { arrivals } = await all({ path: dated, from: '2024-05-12T00:00:05Z', to: '2024-05-12T02:00:09+02:00' })
    expect(tokens(arrivals)).toEqual([[2, 2]])
    await expect(openTrace({ path: table(['0,1,1']), from: '2024-05-12' })).rejects.toThrow('are not dates')
    await expect(openTrace({ path: dated, from: '5s', to: '5s' })).rejects.toThrow('expected an end after the start')
  })
})

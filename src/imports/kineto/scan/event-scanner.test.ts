import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readTrace } from '../read-trace.ts'
import type { ByteSource } from './byte-source.ts'
import type { CounterSeries, EventTrack } from './event-columns.ts'
import { newCounts } from './event-rows.ts'
import { EventScanner } from './event-scanner.ts'
import type { ScanOptions } from './scan-types.ts'

interface Slice {
  name: string
  cat: string
  pid: string
  tid: string
  us: number
  ns: number
  dur_ns: number
  correlation: number | null
  stream: number | null
  external_id: number | null
  tokens: number | null
  bytes: number | null
  bandwidth_gbps: number | null
  args: string | null
}

/** Reads a text in pieces of a size, and gives the slices back as they would be asked for. */
async function scan(text: string | Buffer, piece = 1 << 20, options: Partial<ScanOptions> = {}) {
  const data = Buffer.from(text)
  let at = 0
  const source: ByteSource = {
    damage: null,
    async read(into, to) {
      const bytes = Math.min(piece, data.length - at, into.length - to)
      into.set(data.subarray(at, at + bytes), to)
      at += bytes
      return bytes
    },
    progress: () => ({ done: at, total: data.length }),
    close() {},
  }
  const slices: Slice[] = []
  const tracks: EventTrack[] = []
  const names: string[] = []
  const categories: string[] = []
  const counters: unknown[] = []
  const series: CounterSeries[] = []
  const scanner = new EventScanner(
    { stacks: true, args: false, ...options },
    {
      rows(c, rows) {
        names.push(...scanner.rows.names.takeFresh())
        categories.push(...scanner.rows.categories.takeFresh())
        const known = (value: number) => (Number.isNaN(value) || value === 0xffffffff ? null : value)
        for (let i = 0; i < rows; i++) {
          const track = tracks[c.track[i]!]!
          slices.push({
            name: names[c.name[i]!]!,
            cat: categories[c.category[i]!]!,
            pid: track.pid,
            tid: track.tid,
            us: c.us[i]!,
            ns: c.ns[i]!,
            dur_ns: c.dur_ns[i]!,
            correlation: known(c.correlation[i]!),
            stream: known(c.stream[i]!),
            external_id: known(c.external_id[i]!),
            tokens: known(c.tokens[i]!),
            bytes: known(c.bytes[i]!),
            bandwidth_gbps: known(c.bandwidth_gbps[i]!),
            args: c.args[i] ?? null,
          })
        }
      },
      track: (track) => tracks.push(track),
      metadata() {},
      series: (each) => series.push(each),
      flows: () => {},
      counters(c, rows) {
        for (let i = 0; i < rows; i++) {
          const { pid, name, series: of } = series[c.series[i]!]!
          counters.push([pid, name, of, c.us[i]! + c.ns[i]! / 1000, c.value[i]])
        }
      },
    },
  )
  const facts = await readTrace(source, scanner, async () => {})
  return { slices, tracks, counters, facts, counts: scanner.rows.counts }
}

const KERNEL = {
  ph: 'X',
  cat: 'kernel',
  name: 'gemm<int, "x">',
  pid: 0,
  tid: 7,
  ts: 4457717007474.152,
  dur: 35.607,
  args: {
    'External id': 12,
    device: 0,
    stream: 7,
    correlation: 99,
    bytes: 4096,
    grid: [1, 2, 3],
    nested: { stream: 5 },
  },
}
const list = (...events: unknown[]) => JSON.stringify({ baseTimeNanoseconds: 1790857026000000000, traceEvents: events })

test('an event is read with its ids, and its time to the ns', async () => {
  const { slices, facts, counts } = await scan(list(KERNEL))
  expect(slices).toEqual([
    {
      name: 'gemm<int, "x">',
      cat: 'kernel',
      pid: '0',
      tid: '7',
      us: 4457717007474,
      ns: 152,
      dur_ns: 35607,
      correlation: 99,
      stream: 7,
      external_id: 12,
      tokens: null,
      bytes: 4096,
      bandwidth_gbps: null,
      args: null,
    },
  ])
  expect(facts?.baseTimeNs).toBe('1790857026000000000')
  expect(counts).toMatchObject({ events: 1, broken: 0, unescaped: 0, cut: false })
})

test('any order of keys, any white space and any size of pieces gives the same', async () => {
  const events = fc.array(
    fc.record(
      {
        name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
        cat: fc.constantFrom('cpu_op', 'kernel', 'cuda_runtime', 'python_function'),
        ts: fc.integer({ min: 0, max: 1e9 }).map((n) => n / 1000),
        dur: fc.integer({ min: 0, max: 1e7 }).map((n) => n / 1000),
        pid: fc.oneof(fc.nat(70_000), fc.constantFrom('Spans', 'a "b"')),
        tid: fc.nat(1_000_000),
        correlation: fc.option(fc.nat(1e9)),
        stream: fc.option(fc.nat(200)),
        extra: fc.jsonValue({ maxDepth: 3 }),
        order: fc.shuffledSubarray(['ph', 'name', 'cat', 'ts', 'dur', 'pid', 'tid', 'args', 'id'], { minLength: 9 }),
      },
      { noNullPrototype: true },
    ),
    { minLength: 1, maxLength: 20 },
  )
  await fc.assert(
    fc.asyncProperty(
      events,
      fc.integer({ min: 1, max: 4000 }),
      fc.constantFrom(undefined, 1, 4),
      async (made, piece, indent) => {
        const objects = made.map(({ correlation, stream, extra, order, ...event }) => {
          const args = {
            extra,
            ...(correlation === null ? {} : { correlation }),
            ...(stream === null ? {} : { stream }),
          }
          const all: Record<string, unknown> = { ph: 'X', ...event, args, id: extra }
          return Object.fromEntries(order.map((key) => [key, all[key]]))
        })
        const { slices, counts } = await scan(JSON.stringify({ traceEvents: objects, end: [1] }, null, indent), piece)
        // Kernels come in any order here.
        expect({ ...counts, early: 0 }).toEqual({ ...newCounts(), events: made.length })
        expect(slices.map(({ ns, us, ...slice }) => ({ ...slice, us: us * 1000 + ns }))).toEqual(
          made.map((event) => ({
            name: event.name,
            cat: event.cat,
            pid: String(event.pid),
            tid: String(event.tid),
            us: Math.round(event.ts * 1000),
            dur_ns: Math.round(event.dur * 1000),
            correlation: event.correlation,
            stream: event.stream,
            external_id: null,
            tokens: null,
            bytes: null,
            bandwidth_gbps: null,
            args: null,
          })),
        )
      },
    ),
    { numRuns: 150 },
  )
})

test("a copy's bandwidth is read with all of its digits, and only where it is a number", async () => {
  const copies = ['12.345678901234', '1e-3', '"N/A"', 'Infinity', '7'].map(
    (value) =>
      `{"ph":"X","cat":"gpu_memcpy","name":"Memcpy","pid":0,"tid":7,"ts":1,"dur":2,"args":{"stream":7,"bytes":96,"memory bandwidth (GB/s)":${value}}}`,
  )
  const { slices } = await scan(`{"traceEvents":[${copies.join(',')}]}`)
  expect(slices.map(({ bandwidth_gbps }) => bandwidth_gbps)).toEqual([12.345678901234, 0.001, null, null, 7])
})

test('a file cut anywhere gives the events that ended before', async () => {
  const events = [
    KERNEL,
    { ...KERNEL, name: 'b{}["\\', ts: 4457717007500 },
    { ...KERNEL, cat: 'python_function' },
    KERNEL,
  ]
  const whole = Buffer.from(JSON.stringify({ a: [1], traceEvents: events }, null, 2))
  const start = whole.indexOf('[', whole.indexOf('traceEvents')) + 1
  // Where each event ends: where a longer and longer list is a prefix of the file.
  const ends = events.map((_, i) => {
    const shorter = JSON.stringify({ a: [1], traceEvents: events.slice(0, i + 1) }, null, 2)
    return Buffer.from(shorter.replace(/\s*\]\s*\}$/, '')).length
  })
  const listEnd = whole.lastIndexOf(']')
  for (let cut = start; cut <= whole.length; cut += 5) {
    for (const stacks of [true, false]) {
      const { counts, slices } = await scan(whole.subarray(0, cut), 37, { stacks })
      const full = ends.filter((end) => end <= cut).length
      expect([cut, counts.events, counts.broken, counts.cut]).toEqual([cut, full, 0, cut <= listEnd])
      expect(slices.length).toBe(stacks ? full : full - (full >= 3 ? 1 : 0))
    }
  }
})

test('what is broken is skipped and counted, and the rest is read', async () => {
  const good = JSON.stringify(KERNEL)
  const cases: [text: string, slices: number, counts: object][] = [
    [`${good},{"ph":"X","name":"a "quoted" word","ts":1,"dur":2},${good}`, 3, { broken: 0, unescaped: 2 }],
    [`${good},{"ph":"X","name":"a","ts":NaN,"dur":2},${good}`, 2, { broken: 0, noTime: 1 }],
    [`${good},{"ph":"X","name":"a","ts":5,"dur":Infinity},${good}`, 2, { broken: 0, noDuration: 1 }],
    [`${good},{"ph":"X","name":"a","ts":5,"dur":1,"args":{"x":NaN,"y":nan,"z":-Infinity}},${good}`, 3, { broken: 0 }],
    [`${good},{"ph":"X","name":"a","dur":2},${good}`, 2, { broken: 0, noTime: 1 }],
    [`${good},{"ph":"X","name":"a","ts":5},${good}`, 2, { broken: 0, noDuration: 1 }],
    [`${good},{"ph":"X","name":"a","ts":9e15,"dur":1},${good}`, 3, { broken: 0 }],
    [`${good},{"ph":"X","name":"a","ts":9.3e15,"dur":1},${good}`, 2, { broken: 0, wildTime: 1 }],
    [`${good},{"ph":"X","name":"a","ts":5,"dur":9223372036854775.807},${good}`, 2, { broken: 0, endless: 1 }],
    [`${good},{ },${good}`, 2, { broken: 0 }],
    [`${good},{"a":1},${good}`, 2, { broken: 1 }],
    [`${good},{"ph":"X","name":"a,"ts":5,"dur":2},${good}`, 2, { broken: 1 }],
    [`${good},{"ph":"X" "name":"a","ts":5,"dur":2},${good}`, 2, { broken: 1 }],
    [`${good},{"ph":"X","name":"C:\\dir\\","pid":1,"ts":5,"dur":2},${good}`, 2, { broken: 1 }],
    [`${good},{"ph":"X","name":"a\nb\u0001","ts":5,"dur":2},${good}`, 3, { broken: 0 }],
    [`${good},{"ph":"X","name":"\\q","ts":5,"dur":2},${good}`, 3, { broken: 0 }],
    [`${good},null,${good}`, 2, { broken: 1 }],
    [`${good} ${good}`, 2, { broken: 0 }],
    [`${good},{"ph":"X","name":"a","ts":5,"dur":-1},${good}`, 2, { broken: 0, negativeDuration: 1 }],
    [`${good},{"ph":"X","name":"a","ts":"5","dur":1e-1},${good}`, 3, { broken: 0 }],
    [`${good},{},${good}`, 2, { broken: 0 }],
  ]
  for (const [text, slices, counts] of cases) {
    const found = await scan(`{"traceEvents":[${text}]}`, 50)
    expect([text, found.slices.length]).toEqual([text, slices])
    expect([text, found.counts]).toEqual([text, expect.objectContaining(counts)])
  }
})

test('bytes that are no trace end in an answer, whatever they are', async () => {
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ unit: fc.constantFrom(...'{}[]",:\\ \nXx1.-eph'), maxLength: 300 }).map((text) => Buffer.from(text)),
  )
  await fc.assert(
    fc.asyncProperty(junk, fc.integer({ min: 1, max: 64 }), async (bytes, piece) => {
      const { slices } = await scan(
        Buffer.concat([Buffer.from('{"traceEvents":['), bytes, Buffer.from(`,${JSON.stringify(KERNEL)}`)]),
        piece,
      )
      expect(slices.length).toBeLessThanOrEqual(1)
    }),
    { numRuns: 300 },
  )
})

test('begin and end are paired by thread; counters and instants are kept', async () => {
  const at = (ph: string, name: string, ts: number, more: object = {}) => ({ ph, name, ts, pid: 1, tid: 2, ...more })
  const { slices, counters, counts } = await scan(
    list(
      at('B', 'outer', 10, { cat: 'x', args: { stream: 3 } }),
      at('B', 'inner', 11),
      at('E', '', 12.5),
      at('B', 'other thread', 11, { tid: 3 }),
      at('E', 'outer', 20),
      at('E', 'none', 21),
      at('i', 'mark', 15, { s: 'g' }),
      at('C', 'memory', 16, { args: { used: 5, free: 7.5 } }),
    ),
  )
  // Instants are handed over as they come, pairs when all of them are there.
  expect(slices.map(({ name, us, dur_ns, cat, stream }) => [name, us, dur_ns, cat, stream])).toEqual([
    ['mark', 15, 0, 'instant', null],
    ['inner', 11, 1500, '', null],
    ['outer', 10, 10_000, 'x', 3],
  ])
  expect(counters).toEqual([
    ['1', 'memory', 'used', 16, 5],
    ['1', 'memory', 'free', 16, 7.5],
  ])
  expect(counts.unpaired).toBe(2)
})

test('steps have a track of their own, and their tokens; args are kept when asked for', async () => {
  const step = { ...KERNEL, cat: 'user_annotation', name: 'execute_context_1(201)_generation_2(2)', pid: 5, tid: 5 }
  const { slices, tracks } = await scan(
    list({ ...step, cat: 'cpu_op' }, step, { ...step, name: 'execute_model' }),
    99,
    { args: true },
  )
  expect(slices.map(({ tokens }) => tokens)).toEqual([null, 203, null])
  expect(tracks).toEqual([
    { pid: '5', tid: '5', kind: 'thread' },
    { pid: '5', tid: '5', kind: 'steps' },
  ])
  expect(JSON.parse(slices[0]!.args ?? '')).toEqual(KERNEL.args)
})

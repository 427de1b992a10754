import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BpftraceMessage, readBpftraceLine, splitComm } from './ndjson.ts'

/** Printed by bpftrace 0.17 while a program opened files of these names. */
const RECORDED = new URL('../../../../test/fixtures/bpftrace-hostile-paths.ndjson', import.meta.url)

function messages(): BpftraceMessage[] {
  return readFileSync(RECORDED)
    .toString('utf8')
    .split('\n')
    .map(readBpftraceLine)
    .filter((message) => message !== null)
}

describe('recorded output of bpftrace', () => {
  it('gives every path as it was, up to the 200 bytes that a probe holds', () => {
    const opened = messages().flatMap((each) => (each.kind === 'event' && each.name === 'open' ? [each.text] : []))
    expect(opened).toEqual(
      expect.arrayContaining([
        '/tmp/hostile/"quoted"',
        '/tmp/hostile/new\nline',
        '/tmp/hostile/back\\slash',
        '/tmp/hostile/}|brace',
        '/tmp/hostile/caf\u00e9',
        `/tmp/hostile/${'long'.repeat(75)}`.slice(0, 199),
      ]),
    )
    // Bytes that are no UTF-8, and control characters, are marked.
    expect(opened.some((path) => path.startsWith('/tmp/hostile/bad\ufffd'))).toBe(true)
    expect(opened.some((path) => path.startsWith('/tmp/hostile/bell'))).toBe(true)
  })

  it('has nothing that cannot be read, and its counts', () => {
    const all = messages()
    expect(all.filter(({ kind }) => kind === 'malformed')).toEqual([])
    const counts = all.flatMap((each) => (each.kind === 'map' && each.name === 'opens' ? [each.values] : [])).at(-1)
    expect(counts?.some(([key, value]) => key.endsWith(',q"\n,x') && value === 1)).toBe(true)
    const hist = all.flatMap((each) => (each.kind === 'hist' ? [each.values] : [])).at(-1)
    expect(hist?.[0]?.[1].reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(8)
  })
})

describe('a map', () => {
  it('of plain keys gives what JSON gives', () => {
    const number = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.bigInt({ min: 0n, max: 2n ** 60n }).map(Number))
    const key = fc.stringMatching(/^\d{1,7},\d{1,7}(,[ -!#-[\]-~]{0,15})?$/)
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, number), { selector: ([name]) => name, minLength: 1 }), (values) => {
        const body = values.map(([name, value]) => `${JSON.stringify(name)}: ${BigInt(value)}`).join(', ')
        const line = `{"type": "map", "data": {"@calls": {${body}}}}`
        const parsed: unknown = JSON.parse(line)
        expect(parsed).toMatchObject({ data: { '@calls': Object.fromEntries(values) } })
        expect(readBpftraceLine(line)).toEqual({ kind: 'map', name: 'calls', values })
      }),
    )
  })

  it.each([
    ['of one number', '{"type": "map", "data": {"@room": 3}}', [['', 3]]],
    ['of negative ones', '{"type": "map", "data": {"@x": {"1,2": -4}}}', [['1,2', -4]]],
    [
      'of names with quotes',
      '{"type": "map", "data": {"@x": {"1,2,a\\"b": 4, "1,3,c": 5}}}',
      [
        ['1,2,a"b', 4],
        ['1,3,c', 5],
      ],
    ],
    ['that is empty', '{"type": "map", "data": {"@x": {}}}', []],
  ])('%s is read too', (_, line, values) => {
    expect(readBpftraceLine(line)).toMatchObject({ kind: 'map', values })
  })

  it.each([
    '{"type": "map", "data": {"@x": {"1,2": 4, "1,3}}}',
    '{"type": "map", "data": {"@x": {"1,2": }}}',
    '{"type": "map", "data": {"@x": {"1,2": 4 "1,3": 5}}}',
    '{"type": "map", "data": {"@x": {"1,2": 4,}}}',
  ])('that is broken is malformed: %s', (line) => {
    expect(readBpftraceLine(line)).toEqual({ kind: 'malformed', line })
  })
})

describe('a line', () => {
  it.each([
    ['{"type": "printf", "data": "{\\"e\\":\\"op', 'malformed'],
    ['{"type": "printf", "data": "no braces"}', 'malformed'],
    ['Attaching 5 probes...', 'malformed'],
    ['{"type": "lost_events", "data": {"events": 12}}', 'lost'],
    ['{"type": "attached_probes", "data": {"probes": 3}}', 'attached'],
  ])('%s', (line, kind) => {
    expect(readBpftraceLine(line)?.kind).toBe(kind)
  })

  it('with counts beyond a double comes as text', () => {
    const line = '{"type": "map", "data": {"@x": {"1,2": "9007199254740993", "3,4,a,b": 5}}}'
    expect(readBpftraceLine(line)).toEqual({
      kind: 'map',
      name: 'x',
      values: [
        ['1,2', 9007199254740992],
        ['3,4,a,b', 5],
      ],
    })
  })

  it.each(['', '  '])('that is empty: nothing', (line) => {
    expect(readBpftraceLine(line)).toBeNull()
  })
})

describe('the name of a thread before another text', () => {
  it('comes back whatever the two hold', () => {
    const comm = fc.string({ unit: 'binary' }).map((text) => {
      let cut = ''
      for (const each of text) if (Buffer.byteLength(cut + each) <= 15) cut += each
      return cut.trimEnd()
    })
    fc.assert(
      fc.property(comm, fc.string(), (name, path) => {
        const padded = name + ' '.repeat(16 - Buffer.byteLength(name))
        expect(splitComm(`${padded}|${path}`)).toEqual({ comm: name, rest: path })
      }),
    )
  })

  it('is found behind bytes that are no text', () => {
    expect(splitComm('named caf\ufffd      |/tmp/a |b')).toEqual({ comm: 'named caf\ufffd', rest: '/tmp/a |b' })
  })
})

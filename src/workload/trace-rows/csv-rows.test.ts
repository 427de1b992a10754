import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { table } from '../trace-formats/table.ts'
import { BadRows } from './bad-rows.ts'
import { CsvRows } from './csv-rows.ts'
import type { RowCounts } from './row-batch.ts'

const HEADER = ['note', 'ts', 'in', 'out', 'session']

function read(bytes: Uint8Array, cuts: readonly number[], skipBad = false) {
  const head = { path: 't.csv', kind: 'csv', columns: HEADER, records: [] } as const
  const layout = table.read(head, {
    map: { ts: 'ts', in: 'in', out: 'out', session: 'session' },
    timeUnit: 'us',
  })
  const counts: RowCounts = {}
  const rows = new CsvRows(HEADER, 0x2c, layout, new BadRows('t.csv', skipBad, counts))
  const found: unknown[][] = []
  const places = [0, ...[...cuts].sort((a, b) => a - b), bytes.length]
  for (let i = 1; i <= places.length; i++) {
    const piece = Uint8Array.from(bytes.subarray(places[i - 1], places[i] ?? bytes.length))
    for (const batch of rows.push(piece, i === places.length)) {
      for (let at = 0; at < batch.count; at++)
        found.push([batch.line[at], batch.tUs[at], batch.input[at], batch.output[at], batch.session?.[at]])
    }
    // What was pushed may be overwritten by its owner.
    piece.fill(0x2c)
  }
  return { found, counts }
}

const note = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', 'é', ' ') })
const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`

describe('CSV rows', () => {
  it('come out whole wherever the file is cut into pieces, quotes and line ends inside them too', () => {
    const row = fc.record({
      note,
      ts: fc.integer({ min: 0, max: 1e12 }),
      input: fc.integer({ min: 0, max: 1e6 }),
      output: fc.integer({ min: 0, max: 1e6 }),
      session: fc.string({ unit: fc.constantFrom('a', 'b', '"', ',', 'ü'), minLength: 1 }),
    })
    fc.assert(
      fc.property(
        fc.array(row),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.array(fc.nat(400), { maxLength: 6 }),
        (rows, end, hasLast, cuts) => {
          const lines = rows.map((r) =>
            [quoted(r.note), r.ts, r.input, quoted(String(r.output)), quoted(r.session)].join(),
          )
          const text = `\uFEFF${[HEADER.join(), ...lines].join(end)}${hasLast ? end : ''}`
          const bytes = Buffer.from(text)
          const { found, counts } = read(
            bytes,
            cuts.map((cut) => Math.min(cut, bytes.length)),
          )
          let line = 2
          const expected = rows.map((r) => {
            const at = line
            line += 1 + (r.note.match(/\n/g)?.length ?? 0)
            return [at, r.ts, r.input, r.output, r.session]
          })
          expect(found).toEqual(expected)
          expect(counts).toEqual({})
        },
      ),
    )
  })

  it('go on over more rows than a batch holds', () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `n,${i},1,2,s`)
    const { found } = read(Buffer.from(`${HEADER.join()}\n${lines.join('\n')}`), [100_000])
    expect(found).toHaveLength(20_000)
    expect(found.at(-1)).toEqual([20_001, 19_999, 1, 2, 's'])
  })

  it.each([
    ['n,1,2', 't.csv:3: 3 values; expected 5 (note,ts,in,out,session)'],
    ['n,1,2,3,s,7', 't.csv:3: 6 values; expected 5'],
    ['n,x,2,3,s', 't.csv:3: ts is "x"; expected a time in us'],
    ['n,1,-2,3,s', 't.csv:3: in is "-2"; expected a whole number of tokens'],
    ['n,1,2,2.5,s', 't.csv:3: out is "2.5"; expected a whole number of tokens'],
    ['n,1,,3,s', 't.csv:3: in is ""; expected a whole number of tokens'],
  ])('a bad one names its place, or is counted: %s', (bad, message) => {
    const bytes = Buffer.from(`${HEADER.join()}\nn,1,2,3,s\n${bad}\nn,4,5,6,s\n`)
    expect(() => read(bytes, [])).toThrow(message)
    const { found, counts } = read(bytes, [], true)
    expect(found.map((row) => row[0])).toEqual([2, 4])
    expect(counts).toEqual({ bad_rows: 1 })
  })

  it('a last line that is cut off is counted and no error; blank lines and a header that comes again are none', () => {
    const text = `${HEADER.join()}\nn,1,2,3,s\n\n${HEADER.join()}\r\n\r\nn,4,5,6,s\nn,7,8`
    const { found, counts } = read(Buffer.from(text), [])
    expect(found.map((row) => row[0])).toEqual([2, 6])
    expect(counts).toEqual({ repeated_headers: 1, truncated_last_line: 1 })
  })

  it('a quote that is never closed is an error where it was opened, even where bad rows are skipped', () => {
    const bytes = Buffer.from(`${HEADER.join()}\nn,1,2,3,s\n"n,4,5,6,s\nn,7,8,9,s\n`)
    expect(() => read(bytes, [], true)).toThrow('t.csv:3: a quote opened in this line is never closed')
  })
})

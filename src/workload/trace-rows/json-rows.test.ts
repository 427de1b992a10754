import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mooncake } from '../trace-formats/mooncake.ts'
import { qwen } from '../trace-formats/qwen.ts'
import type { TraceFormat } from '../trace-formats/trace-format.ts'
import { BadRows } from './bad-rows.ts'
import { JsonRows } from './json-rows.ts'
import type { RowCounts } from './row-batch.ts'

const KEYS = {
  mooncake: ['timestamp', 'input_length', 'output_length', 'hash_ids'],
  qwen: ['chat_id', 'parent_chat_id', 'timestamp', 'input_length', 'output_length', 'type', 'turn', 'hash_ids'],
}

function read(format: TraceFormat, bytes: Uint8Array, cuts: readonly number[] = [], skipBad = false) {
  const columns = KEYS[format.id as keyof typeof KEYS]
  const layout = format.read({ path: 't.jsonl', kind: 'jsonl', columns, records: [] }, {})
  const counts: RowCounts = {}
  const rows = new JsonRows(layout, new BadRows('t.jsonl', skipBad, counts))
  const found: unknown[][] = []
  const places = [0, ...[...cuts].sort((a, b) => a - b), bytes.length]
  for (let i = 1; i <= places.length; i++) {
    const piece = Uint8Array.from(bytes.subarray(places[i - 1], places[i] ?? bytes.length))
    for (const batch of rows.push(piece, i === places.length)) {
      for (let at = 0; at < batch.count; at++) {
        const { line, tUs, input, output, session, turn, blocks } = batch
        found.push([line[at], tUs[at], input[at], output[at], session?.[at], turn?.[at], blocks?.[at]])
      }
    }
    piece.fill(0x20)
  }
  return { found, counts }
}

describe('JSONL rows', () => {
  it('come out whole wherever the file is cut into pieces', () => {
    const row = fc.record({ ts: fc.nat(1e9), input: fc.integer({ min: 1, max: 5000 }), output: fc.nat(5000) })
    fc.assert(
      fc.property(fc.array(row), fc.constantFrom('\n', '\r\n'), fc.array(fc.nat(600)), (rows, end, cuts) => {
        const lines = rows.map((r) => {
          const hash_ids = Array.from({ length: Math.ceil(r.input / 512) }, (_, i) => i)
          return JSON.stringify({ timestamp: r.ts, é: 'ü', input_length: r.input, output_length: r.output, hash_ids })
        })
        const bytes = Buffer.from(`\uFEFF${lines.join(end)}`)
        const { found } = read(
          mooncake,
          bytes,
          cuts.map((cut) => Math.min(cut, bytes.length)),
        )
        expect(found.map((each) => each.slice(0, 4))).toEqual(
          rows.map((r, i) => [i + 1, r.ts * 1000, r.input, r.output]),
        )
      }),
    )
  })

  it('name a conversation by its first turn, whose parent is -1', () => {
    const lines = [
      { chat_id: 7, parent_chat_id: -1, turn: 1, timestamp: 0.5, input_length: 16, output_length: 3, hash_ids: [1] },
      { chat_id: 8, parent_chat_id: -1, turn: 1, timestamp: 0.6, input_length: 1, output_length: 3, hash_ids: [2] },
      { chat_id: 9, parent_chat_id: 7, turn: 2, timestamp: 1, input_length: 33, output_length: 3, hash_ids: [1, 3, 4] },
      {
        chat_id: 10,
        parent_chat_id: 9,
        turn: 3,
        timestamp: 2,
        input_length: 48,
        output_length: 3,
        hash_ids: [1, 3, 4],
      },
      { chat_id: 11, parent_chat_id: 5, turn: 2, timestamp: 3, input_length: 1, output_length: 3, hash_ids: [5] },
    ]
    const { found, counts } = read(qwen, Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n')))
    expect(found.map(([, tUs, , , session, turn]) => [tUs, session, turn])).toEqual([
      [500_000, '7', 1],
      [600_000, '8', 1],
      [1_000_000, '7', 2],
      [2_000_000, '7', 3],
      [3_000_000, '11', 2],
    ])
    expect(counts).toEqual({ conversations_without_start: 1 })
  })

  it('whose blocks are not as many as their tokens make share none, and are counted', () => {
    const text = '{"timestamp":0,"input_length":513,"output_length":1,"hash_ids":[1]}\n'
    const { found, counts } = read(mooncake, Buffer.from(text))
    expect(found[0]?.[6]).toBeNull()
    expect(counts).toEqual({ rows_with_odd_blocks: 1 })
  })

  const GOOD = '{"timestamp":0,"input_length":5,"output_length":1,"hash_ids":[1]}'
  it.each([
    ['{"timestamp":0,"input_length":', 't.jsonl:2:31: not JSON: the line ends before its object does'],
    ['{"timestamp":0;}', 't.jsonl:2:15: not JSON: unexpected ";"'],
    ['[1,2]', 't.jsonl:2: expected a JSON object'],
    ['null', 't.jsonl:2: expected a JSON object'],
    ['{"input_length":5,"output_length":1}', 't.jsonl:2: timestamp is missing; expected a time in ms'],
    ['{"timestamp":"x","input_length":5,"output_length":1}', 't.jsonl:2: timestamp is "x"; expected a time in ms'],
    ['{"timestamp":0,"input_length":1.5,"output_length":1}', 't.jsonl:2: input_length is 1.5; expected'],
    ['{"timestamp":0,"input_length":5,"output_length":-1}', 't.jsonl:2: output_length is -1; expected'],
    ['{"timestamp":0,"input_length":5,"output_length":1,"hash_ids":["a"]}', 't.jsonl:2: hash_ids is ["a"]; expected'],
  ])('a bad one names its place, or is counted: %s', (bad, message) => {
    const bytes = Buffer.from(`${GOOD}\n${bad}\n${GOOD}\n`)
    expect(() => read(mooncake, bytes)).toThrow(message)
    const { found, counts } = read(mooncake, bytes, [], true)
    expect(found.map((row) => row[0])).toEqual([1, 3])
    expect(counts).toEqual({ bad_rows: 1 })
  })

  it('a last line that is cut off is counted and no error', () => {
    const { found, counts } = read(mooncake, Buffer.from(`${GOOD}\n${GOOD.slice(0, 30)}`))
    expect(found).toHaveLength(1)
    expect(counts).toEqual({ truncated_last_line: 1 })
  })
})

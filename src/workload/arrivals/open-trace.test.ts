import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { missingProgram } from '../../../test/support/needs.ts'
import { sharedData } from '../../../test/support/shared-cases.ts'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import type { Arrival } from './arrival.ts'
import { openTrace, type TraceOptions } from './open-trace.ts'

const AZURE_2023 = 'workloads/azure2023_code.csv'
const NO_PYTHON = missingProgram('python3')

async function all(options: TraceOptions) {
  const schedule = await openTrace(options)
  const arrivals: Arrival[] = []
  for await (const batch of schedule.batches()) arrivals.push(...batch)
  await schedule.close()
  return { schedule, arrivals }
}

function written(name: string, text: string | Uint8Array): string {
  const path = join(tempFolder(), name)
  writeFileSync(path, text)
  return path
}

/** Rows, span in µs and token totals of a file, by a program that shares nothing with ours. */
function byPython(script: string, path: string): { rows: number; spanUs: number; input: number; output: number } {
  return JSON.parse(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }))
}

const AZURE_PY = `
import csv, json, sys
from datetime import datetime, timedelta
rows = list(csv.DictReader(open(sys.argv[1], newline='')))
def us(text):
    whole, _, fraction = text.replace('+00:00', '').partition('.')
    return (datetime.fromisoformat(whole) - datetime(1970, 1, 1)) // timedelta(microseconds=1) + int((fraction + '000000')[:6])
times = [us(row['TIMESTAMP']) for row in rows]
print(json.dumps(dict(rows=len(rows), spanUs=max(times) - min(times),
  input=sum(int(row['ContextTokens']) for row in rows), output=sum(int(row['GeneratedTokens']) for row in rows))))`

const MOONCAKE_PY = `
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
times = [row['timestamp'] for row in rows]
print(json.dumps(dict(rows=len(rows), spanUs=(max(times) - min(times)) * 1000,
  input=sum(row['input_length'] for row in rows), output=sum(row['output_length'] for row in rows))))`

function sums(arrivals: readonly Arrival[]) {
  return {
    rows: arrivals.length,
    spanUs: arrivals.at(-1)?.tUs,
    input: arrivals.reduce((sum, { inputTokens }) => sum + inputTokens, 0),
    output: arrivals.reduce((sum, { outputTokens }) => sum + (outputTokens ?? 0), 0),
  }
}

describe('the traces themselves, against independent code', () => {
  it('Azure 2023', async (context) => {
    if (NO_PYTHON !== null) context.skip(NO_PYTHON)
    const path = sharedData(context, AZURE_2023)
    const { schedule, arrivals } = await all({ path })
    expect(sums(arrivals)).toEqual(byPython(AZURE_PY, path))
    expect(new Set(arrivals.map(({ tUs }) => tUs)).size).toBe(8819)
    expect(schedule).toMatchObject({ total: 8819, spanUs: arrivals.at(-1)?.tUs, counts: {} })
    expect(schedule.provenance).toMatchObject({ format: 'azure', time_unit: 'iso' })
    expect(schedule.notes[0]).toBe('azure2023_code.csv: azure, 8,819 rows over 57 min 16 s at 2.57 a second')
  })

  it('Mooncake, in ms, its blocks as the file has them', async (context) => {
    if (NO_PYTHON !== null) context.skip(NO_PYTHON)
    const path = sharedData(context, 'workloads/mooncake_conversation_head.jsonl')
    const { schedule, arrivals } = await all({ path })
    expect(sums(arrivals)).toEqual(byPython(MOONCAKE_PY, path))
    const rows = readFileSync(path, 'utf8').trim().split('\n')
    expect(arrivals.map(({ blocks }) => blocks)).toEqual(
      rows.map((row) => ({ ids: (JSON.parse(row) as { hash_ids: number[] }).hash_ids, blockTokens: 512 })),
    )
    expect(schedule.notes.join('\n')).toContain('ticks of 3 s, 8.9 rows on each: they come in bursts; --jitter SEED')
  })
})

describe('a long trace', () => {
  /** Of Azure's form, 300 KB. */
  function longTrace(): string {
    const row = (i: number) => {
      const ms = i * 390 + ((i * 7919) % 300)
      return `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')}0000,${1 + ((i * 31) % 4000)},${1 + (i % 500)}`
    }
    const rows = Array.from({ length: 8000 }, (_, i) => row(i))
    return written('t.csv', ['TIMESTAMP,ContextTokens,GeneratedTokens', ...rows].join('\r\n'))
  }

  it('comes out the same from a cache and from gzip', async () => {
    const path = longTrace()
    const { arrivals } = await all({ path })
    const cacheDir = tempFolder()
    expect((await all({ path, cacheDir })).arrivals).toEqual(arrivals)
    const again = await all({ path, cacheDir })
    expect(again.arrivals).toEqual(arrivals)
    expect(again.schedule.notes[0]).toContain(', from the cache')
    const gz = written('t.csv.gz', gzipSync(readFileSync(path)))
    expect((await all({ path: gz })).arrivals).toEqual(arrivals)
  })

  it('comes out the same from zstd', async (context) => {
    const missing = missingProgram('zstd')
    if (missing !== null) context.skip(missing)
    const path = longTrace()
    const { arrivals } = await all({ path })
    // Two frames after one another are a file of zstd as well, and the name says nothing.
    const bytes = readFileSync(path)
    const frames = [bytes.subarray(0, 100_000), bytes.subarray(100_000)]
    const zst = written('any-name', Buffer.concat(frames.map((input) => execFileSync('zstd', ['-q', '-c'], { input }))))
    expect((await all({ path: zst })).arrivals).toEqual(arrivals)
  })
})

describe('Azure', () => {
  const AZURE_2024 = [
    '\uFEFFTIMESTAMP,ContextTokens,GeneratedTokens',
    '2024-05-12 00:00:00.001163+00:00,100,10',
    '2024-05-12 00:00:00.001163+00:00,7,8',
    '2024-05-12 00:00:01+00:00,200,20',
    '2024-05-19 00:00:02.5+00:00,300,30',
  ]

  it('2024: fractions mixed, ties, a week', async () => {
    const path = written('a.csv', `${AZURE_2024.join('\r\n')}\r\n`)
    const { arrivals } = await all({ path })
    expect(arrivals.map(({ tUs, inputTokens }) => [tUs, inputTokens])).toEqual([
      [0, 100],
      [0, 7],
      [998_837, 200],
      [7 * 86_400e6 + 2_498_837, 300],
    ])
    expect(arrivals.map(({ index }) => index)).toEqual([0, 1, 2, 3])
  })

  it('2025: images between the columns, gzip; they are counted', async () => {
    const text = [
      'TIMESTAMP,NumImages,ContextTokens,GeneratedTokens',
      '2025-01-01 00:00:00.5+00:00,2,1500,10',
      '2025-01-01 00:00:01+00:00,0,20,11',
    ]
    const { arrivals, schedule } = await all({ path: written('lmm.gz', gzipSync(text.join('\n'))) })
    expect(arrivals.map(({ tUs, inputTokens, outputTokens }) => [tUs, inputTokens, outputTokens])).toEqual([
      [0, 1500, 10],
      [500_000, 20, 11],
    ])
    expect(schedule.counts).toEqual({ rows_with_images: 1 })
    expect(schedule.notes).toContain('1 row had images: they are offered as text of as many tokens')
  })

  it('columns in another order and another case are found by name', async () => {
    const text = 'GeneratedTokens,extra,timestamp,ContextTokens\n9,x,2024-05-12 00:00:00,5\n8,y,2024-05-12 00:00:01,6\n'
    const { arrivals } = await all({ path: written('a.csv', text) })
    expect(arrivals.map(({ inputTokens, outputTokens }) => [inputTokens, outputTokens])).toEqual([
      [5, 9],
      [6, 8],
    ])
  })
})

describe('BurstGPT', () => {
  const V1 = [
    'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type',
    '5,ChatGPT,472,18,490,Conversation log',
    '45,ChatGPT,1087,0,1087,Conversation log',
    '45,GPT-4,100,7,107,API log',
    '118,ChatGPT,417,276,693,Conversation log',
  ].join('\n')

  it('v1: answers of 0 tokens failed: they are left out and counted, or offered', async () => {
    const path = written('b.csv', V1)
    const { arrivals, schedule } = await all({ path })
    expect(arrivals.map(({ tUs, outputTokens }) => [tUs, outputTokens])).toEqual([
      [0, 18],
      [40e6, 7],
      [113e6, 276],
    ])
    expect(schedule.counts).toEqual({ failed_in_trace: 1 })
    expect(schedule.total).toBe(3)
    expect(schedule.notes.join('\n')).toContain('1 of 4 rows failed when the trace was taken')
    const kept = await all({ path, failures: 'one' })
    expect(kept.arrivals.map(({ outputTokens }) => outputTokens)).toEqual([18, 1, 7, 276])
  })

  it('v2: not from zero, sessions but for API rows, turns counted among what is offered', async () => {
    const text = [
      'Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type',
      '1000,s1,3.1,ChatGPT,10,5,15,Conversation log',
      '1001,,0.2,GPT-4,11,5,16,API log',
      '1002,s1,2.0,ChatGPT,30,0,30,Conversation log',
      '1003,s2,2.0,ChatGPT,12,5,17,Conversation log',
      '1060,s1,2.0,ChatGPT,50,5,55,Conversation log',
    ].join('\n')
    const { arrivals } = await all({ path: written('b.csv', text) })
    expect(arrivals.map(({ tUs, session }) => [tUs, session])).toEqual([
      [0, { id: 's1', turn: 0 }],
      [1e6, null],
      [3e6, { id: 's2', turn: 0 }],
      [60e6, { id: 's1', turn: 1 }],
    ])
  })
})

describe('Qwen', () => {
  it('conversations by parent, seconds with fractions, blocks of 16', async () => {
    const row = (
      chat_id: number,
      parent_chat_id: number,
      timestamp: number,
      input_length: number,
      hash_ids: number[],
    ) =>
      JSON.stringify({
        chat_id,
        parent_chat_id,
        timestamp,
        input_length,
        output_length: 5,
        type: 'text',
        turn: 1,
        hash_ids,
      })
    const text = [row(1, -1, 0.061, 20, [4, 5]), row(2, 1, 61.061, 40, [4, 5, 6]), row(3, -1, 61.1, 16, [9])].join('\n')
    const { arrivals, schedule } = await all({ path: written('q.jsonl', `${text}\n`) })
    expect(schedule.provenance).toMatchObject({ format: 'qwen' })
    expect(arrivals.map(({ tUs, session, blocks }) => [tUs, session, blocks])).toEqual([
      [0, { id: '1', turn: 0, after: null }, { ids: [4, 5], blockTokens: 16 }],
      [61e6, { id: '1', turn: 1, after: 0 }, { ids: [4, 5, 6], blockTokens: 16 }],
      [61_039_000, { id: '3', turn: 0, after: null }, { ids: [9], blockTokens: 16 }],
    ])
  })
})

describe('a plain table', () => {
  it('CSV by a map of its columns, its unit guessed and said', async () => {
    const text = 'id;when;prompt len;answer len;who\n1;1700000000.25;5;6;a\n2;1700000001.5;7;8;a\n'
    const { arrivals, schedule } = await all({
      path: written('t.csv', text),
      map: { ts: 'when', in: 'prompt len', out: 'answer len', session: 'who' },
    })
    expect(arrivals.map(({ tUs, inputTokens, session }) => [tUs, inputTokens, session?.turn])).toEqual([
      [0, 5, 0],
      [1_250_000, 7, 1],
    ])
    expect(schedule.notes[1]).toBe(
      'its times are in s (guessed: 1700000000.25 is a time since 1970 in s; --time-unit decides)',
    )
  })

  it('JSONL, in ms by --time-unit, without lengths of answers', async () => {
    const text = '{"t":0,"n":5}\n{"t":250,"n":6}\n'
    const { arrivals } = await all({ path: written('t.jsonl', text), map: { ts: 't', in: 'n' }, timeUnit: 'ms' })
    expect(arrivals.map(({ tUs, outputTokens }) => [tUs, outputTokens])).toEqual([
      [0, null],
      [250_000, null],
    ])
  })

  it.each([
    ['a,b\n1,2\n', {}, 'no known trace format has the columns `a`, `b`'],
    ['a,b\n1,2\n', { format: 'azure' as const }, 'no column `TIMESTAMP`, which azure needs; found `a`, `b`'],
    ['a,b\n1,2\n', { map: { ts: 'a', in: 'c' } }, 'no column `c`, which table needs'],
    ['ts,in,out\n', {}, 'no row has a time in `ts`'],
    ['1,2,3\n4,5,6\n', {}, 'the first line holds values'],
    ['ts,ts,in\n1,2,3\n', {}, 'two columns named `ts`'],
    ['\n \n', {}, 'the file is empty'],
    ['a\0b', {}, 'it holds NUL bytes'],
    ['ts,in,out\n0,0,0\n', {}, 'no row is left to offer (zero_tokens 1)'],
    [
      'ts,in,out\nx,1,1\n',
      { timeUnit: 's' as const, skipBad: true },
      'no rows of a trace in it; all of them were skipped',
    ],
    ['ts,in,out\n0,1,1\n', { format: 'run' as const }, "--format run expects a run's folder"],
  ])('what cannot be read says why: %j %j', async (text, options, message) => {
    await expect(openTrace({ path: written('t.csv', text), ...options })).rejects.toThrow(message)
  })

  it('a file that is not there, and one that is cut off when packed', async () => {
    await expect(openTrace({ path: '/nowhere/t.csv' })).rejects.toThrow('/nowhere/t.csv: no such file')
    const whole = gzipSync(randomBytes(100_000))
    const path = written('t.gz', whole.subarray(0, whole.length / 2))
    await expect(openTrace({ path })).rejects.toThrow('cannot unpack it as gzip: the file is cut off')
  })
})

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { sharedData } from './support/shared-cases.ts'
import { tempFolder } from './support/temp-folder.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer()
})
afterAll(() => server.stop())

/** Seconds from the first to the last arrival, in Python and by its own reading of the format. */
function spanOf(path: string, python: string, limit: number): number {
  const code = `import csv, datetime, json, sys
path, limit = sys.argv[1], int(sys.argv[2])
def iso(t):
    t = t.replace('+00:00', '')
    whole, _, part = t.partition('.')
    return datetime.datetime.strptime(whole, '%Y-%m-%d %H:%M:%S').timestamp() + float('0.' + (part or '0'))
lines = open(path, newline='').read().splitlines()
times = [${python}][:limit]
print(repr(max(times) - min(times)))`
  return Number(execFileSync('python3', ['-c', code, path, String(limit)], { encoding: 'utf8' }))
}

const CSV = 'for row in csv.DictReader(lines)'
const JSONL = 'for row in map(json.loads, lines)'

const SAMPLES: [name: string, file: string, lines: string[], python: string, more?: string[]][] = [
  [
    'Azure 2024',
    'a.csv',
    [
      'TIMESTAMP,ContextTokens,GeneratedTokens',
      '2024-05-12 00:00:00+00:00,20,3',
      '2024-05-12 00:00:00.401163+00:00,10,2',
      '2024-05-12 00:00:01.500001+00:00,9,2',
    ],
    `iso(row['TIMESTAMP']) ${CSV}`,
  ],
  [
    'Azure LMM 2025',
    'a.csv',
    [
      'TIMESTAMP,NumImages,ContextTokens,GeneratedTokens',
      '2025-01-02 03:59:59.25,0,20,3',
      '2025-01-02 04:00:00.75,2,10,2',
    ],
    `iso(row['TIMESTAMP']) ${CSV}`,
  ],
  [
    'BurstGPT v1',
    'b.csv',
    [
      'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type',
      '5,ChatGPT,12,3,15,Conversation log',
      '6,GPT-4,8,2,10,API log',
      '7,GPT-4,8,2,10,API log',
    ],
    `float(row['Timestamp']) ${CSV}`,
  ],
  [
    'BurstGPT v2',
    'b.csv',
    [
      'Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type',
      '100.5,7,0.2,GPT-4,12,3,15,Conversation log',
      '102,,0.1,GPT-4,8,2,10,API log',
    ],
    `float(row['Timestamp']) ${CSV}`,
  ],
  [
    'Qwen',
    'q.jsonl',
    [
      '{"chat_id":1,"parent_chat_id":-1,"timestamp":0.25,"input_length":20,"output_length":3,"type":"text","turn":1,"hash_ids":[1,2]}',
      '{"chat_id":2,"parent_chat_id":1,"timestamp":1.75,"input_length":30,"output_length":2,"type":"text","turn":2,"hash_ids":[1,2]}',
    ],
    `row['timestamp'] ${JSONL}`,
  ],
  [
    'a table',
    't.csv',
    ['when,prompt_len,answer_len', '1000,10,2', '1800,12,2', '2300,9,2'],
    `float(row['when']) / 1000 ${CSV}`,
    ['--format', 'table', '--map', 'ts=when,in=prompt_len,out=answer_len', '--time-unit', 'ms'],
  ],
]

async function scheduledSpan(trace: string, more: readonly string[] = []): Promise<number> {
  const folder = tempFolder()
  const args = ['replay', '--trace', trace, '--url', server.url, '--gpu', 'none', '--out', 'run', '--quiet', ...more]
  const { code, stderr } = await layerline(folder, args)
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const [row] = await sqlRows(
    folder,
    'run',
    `SELECT (max(scheduled_ns) - min(scheduled_ns)) / 1e9 AS scheduled, (max(sent_ns) - min(sent_ns)) / 1e9 AS sent FROM requests WHERE status = 'ok'`,
  )
  expect(Number(row?.sent)).toBeGreaterThan(Number(row?.scheduled) - 0.5)
  return Number(row?.scheduled)
}

test.each(SAMPLES)('%s replays over its own span', async (_, file, lines, python, more = []) => {
  const path = join(tempFolder(), file)
  writeFileSync(path, `${lines.join('\n')}\n`)
  expect(await scheduledSpan(path, more)).toBeCloseTo(spanOf(path, python, 100), 5)
})

test.for([
  ['Azure 2023', 'azure2023_code.csv', `iso(row['TIMESTAMP']) ${CSV}`, 3],
  ['Mooncake', 'mooncake_conversation_head.jsonl', `row['timestamp'] / 1000 ${JSONL}`, 13],
] as const)('%s, the real file, replays over its own span', async ([, file, python, limit], context) => {
  const path = sharedData(context, `workloads/${file}`)
  const span = spanOf(path, python, limit)
  expect(span).toBeGreaterThan(0)
  expect(await scheduledSpan(path, ['--limit', String(limit)])).toBeCloseTo(span, 5)
})

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { layerline, sqlRows } from './support/cli.ts'
import { needs } from './support/needs.ts'
import { sharedFolder } from './support/shared-cases.ts'
import { tempFolder } from './support/temp-folder.ts'
import { useVllm, vllmCounters } from './support/vllm.ts'

const MINUTES = 60_000
/** vLLM's block on a CPU, tokens: what its prefix cache holds is whole blocks. */
const VLLM_BLOCK = 128
const MOONCAKE_BLOCK = 512

const vllm = useVllm({ model: 'tiny', sequences: 8 })
const DATA = join(sharedFolder() ?? '', 'data/workloads')
needs(sharedFolder() === null ? 'the shared data are not here: LAYERLINE_SHARED names the folder that has them' : null)

/** Replays a trace against vLLM; how its own counters grew meanwhile, and the run's rows. */
async function replay(trace: string, ...more: string[]) {
  const folder = tempFolder()
  const before = await vllmCounters(vllm.engine.url)
  const args = [
    'replay',
    '--trace',
    trace,
    '--url',
    vllm.engine.url,
    '--seed',
    '11',
    '--gpu',
    'none',
    '--out',
    'run',
    '--quiet',
  ]
  const { code, stderr } = await layerline(folder, [...args, ...more])
  expect({ code, stderr }).toMatchObject({ code: 0 })
  const after = await vllmCounters(vllm.engine.url)
  const growth = (name: string) => (after[name] ?? Number.NaN) - (before[name] ?? Number.NaN)
  return { growth, rows: await sqlRows(folder, 'run', 'SELECT * FROM requests ORDER BY request_id'), folder }
}

const sum = (rows: Record<string, unknown>[], column: string) =>
  rows.reduce((total, row) => total + Number(row[column]), 0)

test(
  'a production hour of code: every length is the trace’s, and every token is one that vLLM counted',
  async () => {
    const trace = join(DATA, 'azure2023_code.csv')
    const wanted = readFileSync(trace, 'utf8')
      .split('\r\n')
      .slice(1, 21)
      .map((line) => line.split(',').slice(1).map(Number))
    const { growth, rows } = await replay(trace, '--limit', '20', '--speedup', '10', '--max-in-flight', '64')
    expect(rows.map(({ input_tokens, output_tokens }) => [input_tokens, output_tokens])).toEqual(wanted)
    expect(sum(rows, 'input_tokens')).toBe(growth('prompt_tokens_total'))
    expect(sum(rows, 'output_tokens')).toBe(growth('generation_tokens_total'))
    expect(sum(rows, 'cached_tokens')).toBe(growth('prompt_tokens_cached_total'))
    expect(rows.map(({ status, token_source }) => `${status} ${token_source}`)).toEqual(Array(20).fill('ok usage'))
  },
  6 * MINUTES,
)

/** Rows of a chat service whose prompts share blocks; the shared ones grow along a conversation. */
const SHARING = [3, 16, 252, 338, 434, 550, 1814, 1893, 1996]

interface Row {
  input_length: number
  hash_ids: number[]
}

/** What an unbounded prefix cache of vLLM's blocks holds of each prompt when they come one after another. */
function cachedByHashes(rows: readonly Row[]): number[] {
  return rows.map((row, i) => {
    const shared = rows.slice(0, i).map((earlier) => {
      const differs = row.hash_ids.findIndex((id, at) => earlier.hash_ids[at] !== id)
      const blocks = differs < 0 ? row.hash_ids.length : differs
      return Math.min(blocks * MOONCAKE_BLOCK, row.input_length, earlier.input_length)
    })
    // The last token is always computed: its output is what is sampled from.
    return Math.floor(Math.min(Math.max(0, ...shared), row.input_length - 1) / VLLM_BLOCK) * VLLM_BLOCK
  })
}

test(
  'a chat service with block hashes: the prefix cache hits as the hashes say',
  async () => {
    const lines = readFileSync(join(DATA, 'mooncake_conversation_head.jsonl'), 'utf8').split('\n')
    const chosen = SHARING.map((index) => lines[index] as string)
    const rows = chosen.map((line) => JSON.parse(line) as Row)
    const trace = join(tempFolder(), 'mooncake.jsonl')
    writeFileSync(trace, `${chosen.join('\n')}\n`)
    const { growth, rows: run } = await replay(trace, '--speedup', '100000', '--max-in-flight', '1')
    const expected = cachedByHashes(rows)
    expect(expected.filter((tokens) => tokens > MOONCAKE_BLOCK).length).toBeGreaterThan(3)
    expect(run.map(({ cached_tokens }) => cached_tokens)).toEqual(expected)
    expect(growth('prefix_cache_hits_total')).toBe(expected.reduce((a, b) => a + b))
    for (const [i, row] of run.entries()) {
      const intended = Number(row.intended_cached_tokens)
      expect(Math.floor(Math.min(intended, rows[i]!.input_length - 1) / VLLM_BLOCK) * VLLM_BLOCK).toBe(expected[i])
      expect(row.input_tokens).toBe(rows[i]?.input_length)
    }
  },
  6 * MINUTES,
)

import { expect, it } from 'vitest'
import { loggedRun, loggedTables } from '../../../test/support/logged-run.ts'
import { memoryRun } from '../../../test/support/memory-run.ts'
import { simulate } from '../../../test/support/simulated-scheduler.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import type { Hardware } from '../hardware/hardware.ts'
import { closedBooks } from './books.ts'

const SIMULATED = simulate({
  ...{ seed: 4, requests: 12, budget: 128, sequences: 6, everyMs: 10 },
  ...{ prompts: [17, 300], outputs: [2, 20], cacheTokens: 900 },
})
const NO_HARDWARE: Hardware = { sensors: [], by_stage: [], energy: [], gpu_covered_share: null, gpus_silent: [] }

async function stateOf(reader: RunReader) {
  const books = await closedBooks(reader, { engine: null, hardware: NO_HARDWARE })
  await reader.close()
  return Object.fromEntries(books.map(({ check, state, residual }) => [check, [state, residual]]))
}

it('is closed on a run that adds up, and says what it cannot check', async () => {
  const reader = await loggedRun(SIMULATED)
  const books = await closedBooks(reader, { engine: null, hardware: NO_HARDWARE })
  await reader.close()
  expect(books.map(({ check, state }) => [check, state])).toEqual([
    ['tokens_events', 'closed'],
    ['tokens_engine', 'not_checked'],
    ['tokens_steps', 'closed'],
    ['stages', 'closed'],
    ['step_shares', 'closed'],
    ['energy', 'not_checked'],
    ['clocks', 'closed'],
  ])
  for (const { state, why } of books) expect(why === null).toBe(state !== 'not_checked')
  const tokens = SIMULATED.requests.reduce((sum, { outputTokens }) => sum + (outputTokens ?? 0), 0)
  expect(books[0]).toMatchObject({ left_value: tokens, right_value: tokens, residual: 0, bound: 0 })
})

it.each([
  ['tokens_events', 'chunks', (row: Record<string, unknown>) => ({ ...row, tokens: Number(row.tokens) + 2 }), 2],
  [
    'tokens_steps',
    'requests',
    (row: Record<string, unknown>) => ({ ...row, output_tokens: Number(row.output_tokens) - 1 }),
    -1,
  ],
  [
    'stages',
    'requests',
    (row: Record<string, unknown>) => ({ ...row, first_token_ns: Number(row.last_token_ns) + 5e6 }),
    5e6,
  ],
  ['clocks', 'chunks', (row: Record<string, unknown>) => ({ ...row, t_ns: Number(row.t_ns) - 1e9 }), null],
] as const)('%s is open where one row is wrong', async (check, table, change, residual) => {
  const tables = loggedTables(SIMULATED)
  const [first, ...rest] = tables[table] ?? []
  const found = await stateOf(await memoryRun({ ...tables, [table]: [change(first as never), ...rest] }))
  expect(found[check]?.[0]).toBe('open')
  if (residual !== null) expect(found[check]?.[1]).toBeCloseTo(residual, 3)
})

it('a step whose requests do not add up to it is open, whatever the others say', async () => {
  const tables = loggedTables(SIMULATED)
  const slices = tables.slices ?? []
  const [a, b] = slices.filter(({ category }) => category === 'step')
  const shifted = slices.map((row) =>
    row === a
      ? { ...row, tokens: Number(row.tokens) + 1 }
      : row === b
        ? { ...row, tokens: Number(row.tokens) - 1 }
        : row,
  )
  expect((await stateOf(await memoryRun({ ...tables, slices: shifted }))).step_shares).toEqual(['open', 2])
})

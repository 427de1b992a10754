import { expect, test } from 'vitest'
import { commitBacklog } from './backlog.ts'

const judged = (
  store: { max_uncommitted_bytes: number; longest_uncommitted_ms: number | null } | null,
  ended_by = 'done',
) => commitBacklog({ run: { store, ended_by } } as never)

test('a backlog within the promise, or not known, is no line', () => {
  for (const ms of [null, 0, 190, 250])
    expect(judged({ max_uncommitted_bytes: 1, longest_uncommitted_ms: ms })).toBeNull()
  expect(judged(null)).toBeNull()
})

test('a longer one names its age and the bound', () => {
  const line = judged({ max_uncommitted_bytes: 64 * 2 ** 20, longest_uncommitted_ms: 1534.6 })
  expect(line).toMatchObject({ level: 'note', what: 'backlog' })
  expect(line?.text).toContain('1535 ms')
  expect(line?.text).toContain('64 MiB')
})

test('a crash has a line of its own', () => {
  expect(judged({ max_uncommitted_bytes: 1, longest_uncommitted_ms: 400 }, 'crash')).toBeNull()
})

import type { Rule } from './rule.ts'

/** What a kill costs at most, up to 50,000 tokens/s without texts; docs/reliability.md. */
export const PROMISED_MS = 250

/** Rows that waited longer for their commit than promised: nothing of this run is missing, but a kill would have cost as much. */
export const commitBacklog: Rule = ({ run: { store, ended_by } }) => {
  const ms = store?.longest_uncommitted_ms ?? null
  if (store === null || ms === null || ms <= PROMISED_MS || ended_by === 'crash') return null
  const most = `${Math.round(store.max_uncommitted_bytes / 2 ** 20)} MiB`
  const text = `Rows waited up to ${Math.round(ms)} ms for their commit (limit ${PROMISED_MS} ms): kill -9 could have lost as much, at most ${most} per recording process; nothing is missing`
  return { level: 'note', what: 'backlog', text }
}

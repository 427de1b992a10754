import { many, percent } from '../quantity.ts'
import type { Rule } from './rule.ts'

/** Losing this share of a table makes its figures another run's. */
export const LOST_BAD_SHARE = 0.01
/** Servers may count the end token in one place and not in the other: one token in fifty. */
export const DRIFT_WARN = 0.02

export const lostRows: Rule = ({ run }) => {
  const short = Object.entries(run.layers).filter(([, { dropped, lost }]) => dropped + lost > 0)
  if (short.length === 0) return null
  const share = Math.max(...short.map(([, { rows, dropped, lost }]) => (dropped + lost) / (rows + dropped + lost)))
  const parts = short.map(([table, { dropped, lost }]) => many(`${table} row`, dropped + lost))
  const text = `${parts.join(', ')} dropped or lost (up to ${percent(share)} of a table)`
  return { level: share >= LOST_BAD_SHARE ? 'bad' : 'warn', what: 'rows', text }
}

export const uncheckedTls: Rule = ({ run }) =>
  run.insecure ? { level: 'warn', what: 'tls', text: "The server's certificate was not checked (--insecure)" } : null

export const tokenDrift: Rule = ({ stream }) => {
  if (stream.counts_differ === 0 || stream.drift_ratio === null) return null
  const level = Math.abs(stream.drift_ratio) >= DRIFT_WARN ? 'warn' : 'note'
  const more = stream.drift_ratio > 0 ? 'more' : 'fewer'
  const by = stream.drift_ratio === 0 ? '' : `, ${percent(Math.abs(stream.drift_ratio))} ${more} tokens in the stream`
  const text = `The stream's token counts and the server's usage differ in ${stream.counts_differ} of ${many('request', stream.counted_twice)}${by}`
  return { level, what: 'tokens', text }
}

export const countedEvents: Rule = ({ tokens, offered }) => {
  const events = tokens.by_source.find(({ token_source }) => token_source === 'chunks')?.requests ?? 0
  if (events === 0 || offered.ok === 0) return null
  const text = `Output tokens of ${percent(events / offered.ok)} of the requests are counted events: the server gave no usage, and an event may hold several tokens`
  return { level: 'warn', what: 'tokens', text }
}

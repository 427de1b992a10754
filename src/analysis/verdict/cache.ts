import { percent } from '../quantity.ts'
import type { Rule } from './rule.ts'

/** Under this the cached tokens are a shared system prompt's first block; over it prefill figures are of another workload. */
export const CACHED_NOTE = 0.01
export const CACHED_WARN = 0.1

/** Prompt tokens that the server had already: what was planned (a replayed conversation) does not spoil the run. */
export const cachedTokens: Rule = ({ tokens, offered }) => {
  if (offered.ok === 0) return null
  if (tokens.cached_share === null) {
    return {
      level: 'note',
      what: 'cache',
      text: 'Not known whether prompts were cached: neither the server nor its engine reports it',
    }
  }
  const share = tokens.cached_share
  const some =
    tokens.cached_by === 'step_log'
      ? ", by the engine's log of its steps"
      : tokens.cached_by === 'engine'
        ? ", by the engine's own counters over the whole run"
        : tokens.cached_known < offered.ok
          ? ` (of the ${percent(tokens.cached_known / offered.ok)} of requests that say)`
          : ''
  const unplanned = share - (tokens.intended_cached_share ?? 0)
  if (unplanned < CACHED_NOTE) {
    const planned = share >= CACHED_NOTE ? `, as planned (${percent(tokens.intended_cached_share ?? 0)})` : ''
    return {
      level: 'ok',
      what: 'cache',
      text: `Caching does not spoil it: ${percent(share)} of the input was cached${planned}${some}`,
    }
  }
  const against =
    tokens.intended_cached_share === null ? '' : `, where the plan wanted ${percent(tokens.intended_cached_share)}`
  const text = `${percent(share)} of the input came from the server's cache${against}${some}: TTFT is lower than for new prompts`
  return { level: unplanned >= CACHED_WARN ? 'warn' : 'note', what: 'cache', text }
}

import { duration, many, percent } from '../quantity.ts'
import { type Limits, levelOf, milder, type Rule, tailMs, typicalMs } from './rule.ts'

/** Timers of a busy loop are a few ms off; beyond that the load is not the one that was asked for. */
export const LAG_MS: Limits = { warn: 10, bad: 50 }
/** Measured from the schedule, a late start adds to TTFT. */
export const LAG_OF_TTFT: Limits = { warn: 0.05, bad: 0.5 }
/** Requests never sent. */
export const NOT_SENT_SHARE: Limits = { warn: 1e-9, bad: 0.05 }

export const unsentRequests: Rule = ({ offered }) => {
  const unsent = offered.by_status
    .filter(({ status, phase }) => phase === 'measured' && status === 'not_sent')
    .reduce((sum, { requests }) => sum + requests, 0)
  const share = unsent / Math.max(1, offered.requests)
  const level = levelOf(share, NOT_SENT_SHARE)
  if (level === null) return null
  return {
    level,
    what: 'schedule',
    text: `The schedule was not kept: ${many('request', unsent)} never sent (${percent(share)})`,
  }
}

export const startLag: Rule = ({ run, latency }) => {
  if (run.loop === 'closed') {
    return {
      level: 'note',
      what: 'schedule',
      text: 'A closed loop: the answers set the pace, there was no schedule to keep',
    }
  }
  const tail = tailMs(latency.start_lag_ms)
  if (tail === null)
    return { level: 'note', what: 'schedule', text: 'Not known whether the schedule was kept: nothing was sent' }
  const { ms: lag, which } = tail
  const ttft = typicalMs(latency.ttft_ms)
  const alone = levelOf(lag, LAG_MS)
  const level = ttft === null ? alone : milder(alone, levelOf(lag / ttft, LAG_OF_TTFT))
  if (level === null) {
    const text = `The schedule was kept: requests began ${duration(Math.max(0, lag))} late (${which})`
    return { level: 'ok', what: 'schedule', text }
  }
  const text = `The schedule was not kept: requests began ${duration(lag)} late (${which}): the load was not the one asked for`
  return { level, what: 'schedule', text }
}

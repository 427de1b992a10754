import type { Status } from '../../trace/tables.ts'
import { many, percent, wholeNumber } from '../quantity.ts'
import type { Offered } from '../requests/offered.ts'
import { type Limits, levelOf, type Rule } from './rule.ts'

/** Every failure is worth a line; with one in twenty, the latencies are only those of the requests that survived. */
export const FAILED_SHARE: Limits = { warn: 1e-9, bad: 0.05 }

export const nothingMeasured: Rule = ({ offered }) => {
  if (offered.requests > 0) return null
  const text = offered.warmup > 0 ? 'No measured request: all of them were warm-up' : 'No measured request in this run'
  return { level: 'bad', what: 'requests', text }
}

export const runState: Rule = ({ run }) => {
  if (run.state === 'recording')
    return { level: 'note', what: 'state', text: 'Still recording: the figures cover what has been recorded so far' }
  return null
}

/** A run that did not come to its planned end says so. */
export const earlyEnd: Rule = ({ run, offered }) => {
  const all = offered.by_status.reduce((sum, { requests }) => sum + requests, 0)
  const planned = run.planned_requests
  const share = planned === null ? many('request', all) : `${wholeNumber(all)} of ${many('planned request', planned)}`
  if (run.ended_by === 'crash') {
    const text = `The recorder died after ${share}; recovered what was committed; ${MISSING}`
    return { level: 'warn', what: 'recovered', text }
  }
  if (run.ended_by === 'signal') {
    return { level: 'warn', what: 'stopped', text: `Stopped early, after ${share}: the figures are of these` }
  }
  return null
}

/** What a crash can cost; docs/reliability.md. */
const MISSING = 'up to its last 250 ms are missing, or more above 50,000 tokens/s or with texts'

/** Cut off by the run's own end, not by the server. */
const CUT: readonly Status[] = ['interrupted', 'cancelled']

/** Failures of the measured phase, with the kind that most of them are. */
export const failedRequests: Rule = ({ offered, failures }) => {
  if (offered.requests === 0) return null
  const failed = offered.requests - offered.ok - cutOff(offered)
  const level = levelOf(failed / offered.requests, FAILED_SHARE)
  if (level === null) return null
  const most = failures.kinds.find(({ status }) => !CUT.includes(status))
  const kind =
    most === undefined ? '' : `, most often ${most.status}${most.http_status === null ? '' : ` ${most.http_status}`}`
  const text =
    offered.ok === 0
      ? `No request succeeded: ${many('request', failed)} failed${kind}`
      : `${many('request', failed)} of ${wholeNumber(offered.requests)} failed (${percent(failed / offered.requests)})${kind}: not in the latencies`
  return { level, what: 'failures', text }
}

export const cutRequests: Rule = ({ offered }) => {
  const cut = cutOff(offered)
  if (cut === 0) return null
  const text = `${many('request', cut)} cut off by the end of the run: not in the latencies`
  return { level: 'note', what: 'interrupted', text }
}

export const warmupExcluded: Rule = ({ offered }) =>
  offered.warmup === 0
    ? null
    : {
        level: 'note',
        what: 'warmup',
        text: `${many('warm-up request', offered.warmup)} kept in the run and excluded from the figures`,
      }

function cutOff({ by_status }: Offered): number {
  return by_status
    .filter(({ status, phase }) => phase === 'measured' && CUT.includes(status))
    .reduce((sum, { requests }) => sum + requests, 0)
}

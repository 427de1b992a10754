import { duration, many, percent, wholeNumber } from '../quantity.ts'
import { type Limits, levelOf, type Rule } from './rule.ts'

/** Requests held back by the ceiling: one in a hundred is a burst that touched it, one in five is another load. */
export const HELD_SHARE: Limits = { warn: 0.01, bad: 0.2 }
export const heldBack: Rule = ({ run, offered }) => {
  const { requests, max_ms } = offered.held
  const level = levelOf(requests / Math.max(1, offered.requests), HELD_SHARE)
  if (level === null || max_ms === null) return null
  const ceiling = run.plan?.max_in_flight ?? null
  const text = `The ceiling of ${ceiling === null ? '' : `${wholeNumber(ceiling)} `}requests in flight held back ${many('request', requests)} (${percent(requests / offered.requests)}), for ${duration(max_ms)} at most; only latency from when they were due includes that wait`
  return { level, what: 'ceiling', text }
}

export const serverFull: Rule = ({ offered }) => {
  const { refused_busy: refused, retries } = offered
  if (refused === 0 && retries === 0) return null
  const again =
    retries === 0
      ? ''
      : `${refused === 0 ? '' : '; '}${retries === 1 ? '1 retry' : `${wholeNumber(retries)} retries`} after it was full`
  const away = refused === 0 ? '' : `${many('request', refused)} refused as full (429 or 503)`
  return { level: 'warn', what: 'full', text: `The server was asked for more than it admits: ${away}${again}` }
}

/** What this machine ran out of while connecting, by the words of its errors. */
const OUT_OF: readonly (readonly [RegExp, string])[] = [
  [
    /EADDRNOTAVAIL/,
    'local ports: let connections be reused (a server that keeps them alive), or widen net.ipv4.ip_local_port_range',
  ],
  [/EMFILE|ENFILE/, 'file descriptors: raise `ulimit -n`'],
]

export const portsGone: Rule = ({ failures }) => {
  for (const [code, what] of OUT_OF) {
    const kinds = failures.kinds.filter(({ status, error }) => status === 'connect_error' && code.test(error ?? ''))
    if (kinds.length === 0) continue
    const requests = kinds.reduce((sum, kind) => sum + kind.requests, 0)
    return {
      level: 'bad',
      what: 'ports',
      text: `The client limited this run: for ${many('request', requests)} it had no ${what}`,
    }
  }
  return null
}

export const lostWorkers: Rule = ({ run }) => {
  const lost = run.plan?.workers_lost ?? 0
  if (lost === 0) return null
  const text = `${wholeNumber(lost)} of ${wholeNumber(run.plan?.workers ?? 0)} workers died: what they had still to offer was not offered`
  return { level: 'bad', what: 'workers', text }
}

/** A run that resumes another holds only its own part. */
export const resumedRun: Rule = ({ run }) => {
  const { resumed_from: from, first_request: first } = run.plan ?? {}
  if (from == null) return null
  const text = `Continues ${from} from request ${wholeNumber(first ?? 0)}: the figures cover this part only`
  return { level: 'note', what: 'resumed', text }
}

/** What a schedule skipped or changed, by the reasons of its reader. */
export const leftOut: Rule = ({ run }) => {
  const counts = Object.entries(run.plan?.counts ?? {}).filter(([, count]) => count > 0)
  if (counts.length === 0) return null
  const parts = counts.map(([reason, count]) => `${reason.replaceAll('_', ' ')}: ${wholeNumber(count)}`)
  return { level: 'note', what: 'schedule', text: `As the schedule was read: ${parts.join(', ')}` }
}

import { duration, many, percent, threeDigits, wholeNumber } from '../quantity.ts'
import { type Limits, levelOf, type Rule, typicalMs } from './rule.ts'

/** Requests held back by the ceiling: one in a hundred is a burst that touched it, one in five is another load. */
export const HELD_SHARE: Limits = { warn: 0.01, bad: 0.2 }
/** A server that answers a tenth less than what is offered is behind; how far is its own to say. */
export const ANSWERED_OF_OFFERED = 0.9
/** Past the last request, answers of a server that keeps up take about as long as any; a backlog takes longer. */
export const TAIL_OF_E2E = 3

export const heldBack: Rule = ({ run, offered }) => {
  const { requests, max_ms } = offered.held
  const level = levelOf(requests / Math.max(1, offered.requests), HELD_SHARE)
  if (level === null || max_ms === null) return null
  const ceiling = run.plan?.max_in_flight ?? null
  const text = `The ceiling of ${ceiling === null ? '' : `${wholeNumber(ceiling)} `}requests in flight ${level === 'bad' ? 'limited' : 'touched'} this run: ${many('request', requests)} (${percent(requests / offered.requests)}) were held back, for ${duration(max_ms)} at most; latency from when they were due holds it`
  return { level, what: 'ceiling', text }
}

/** A backlog at the end of the schedule: the server was asked for more than it answers. */
export const serverBehind: Rule = ({ run, offered, latency }) => {
  const { offered_per_s: rate, achieved_per_s: done, tail_s: tail, concurrency } = offered
  const e2e = typicalMs(latency.e2e_ms)
  if (run.loop !== 'open' || rate === null || done === null || tail === null || e2e === null) return null
  // Failures are answers, if bad ones.
  const ended = (done * offered.requests) / Math.max(1, offered.ok)
  if (offered.held.requests > 0 || ended >= ANSWERED_OF_OFFERED * rate || tail * 1e3 < TAIL_OF_E2E * e2e) return null
  const inFlight = concurrency === null ? '' : `, up to ${wholeNumber(concurrency.max)} in flight at once`
  const text = `The server limited this run: offered ${threeDigits(rate)}/s, answered ${threeDigits(done)}/s${inFlight}; it took ${duration(tail * 1e3)} more to answer what was left`
  return { level: 'warn', what: 'server', text }
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

/** A run that goes on with another holds only its own part. */
export const resumedRun: Rule = ({ run }) => {
  const { resumed_from: from, first_request: first } = run.plan ?? {}
  if (from == null) return null
  const text = `Goes on with ${from} from request ${wholeNumber(first ?? 0)} on: the figures are of this part alone`
  return { level: 'note', what: 'resumed', text }
}

/** What a schedule left out or changed, by the reasons of its reader. */
export const leftOut: Rule = ({ run }) => {
  const counts = Object.entries(run.plan?.counts ?? {}).filter(([, count]) => count > 0)
  if (counts.length === 0) return null
  const parts = counts.map(([reason, count]) => `${reason.replaceAll('_', ' ')}: ${wholeNumber(count)}`)
  return { level: 'note', what: 'schedule', text: `As the schedule was read: ${parts.join(', ')}` }
}

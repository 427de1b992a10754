import type { VerdictLine } from '../../trace/run-json.ts'
import { duration, threeDigits } from '../quantity.ts'
import type { Report } from '../report.ts'

/** A run in one sentence: what limited it, and whether its figures can be trusted. */
export interface Headline {
  text: string
  /** The worst level in the verdict. */
  level: VerdictLine['level']
  limiter: 'server' | 'client' | 'network' | 'none' | 'unknown'
  trust: 'good' | 'limited' | 'poor' | 'unknown'
}

/** The first sentence of a report: limiter, client, trust; each from the assessments and the verdict, so that no two places disagree. */
export function headlineOf(report: Report): Headline {
  const { verdict, assessments, offered } = report
  const level = verdict.some((line) => line.level === 'bad')
    ? 'bad'
    : verdict.some((line) => line.level === 'warn')
      ? 'warn'
      : verdict.some((line) => line.level === 'ok')
        ? 'ok'
        : 'note'
  if (assessments === null || offered.requests === 0) {
    return { text: withoutRequests(report), level, limiter: 'unknown', trust: 'unknown' }
  }
  const limiter = limiterOf(report)
  const { client } = assessments
  const trust = client.state === 'limits' || level === 'bad' ? 'poor' : level === 'warn' ? 'limited' : 'good'
  const parts = [serverPart(report), clientPart(client.state), trustPart(trust, verdict)]
  return { text: `${parts.join('; ')}.`, level, limiter, trust }
}

function limiterOf({ assessments }: Report): Headline['limiter'] {
  const states = assessments as NonNullable<Report['assessments']>
  for (const name of ['client', 'server', 'network'] as const) if (states[name].state === 'limits') return name
  return states.server.state === 'fine' ? 'none' : 'unknown'
}

function serverPart(report: Report): string {
  const { backlog, offered, assessments } = report
  const sustained = backlog?.sustained_per_s ?? null
  const state = backlog?.state
  if (backlog !== null && (state === 'overloaded' || state === 'saturated')) {
    const since = backlog.since_s === null ? '' : ` from ${duration(backlog.since_s * 1e3)}`
    if (sustained !== null && backlog.ready_per_s !== null) {
      return `Server saturated${since}: sustained ${threeDigits(sustained.value)} of ${threeDigits(backlog.ready_per_s)} requests/s offered`
    }
    return `Server saturated${since}${sustained === null ? '' : `: ${threeDigits(sustained.value)} requests/s sustained`}`
  }
  const failed = offered.requests - offered.ok
  if (assessments?.server.state === 'limits')
    return `Server limited the run: ${failed} of ${offered.requests} requests failed`
  const done = `${offered.ok} of ${offered.requests} requests answered`
  const rate = offered.achieved_per_s === null ? '' : ` at ${threeDigits(offered.achieved_per_s)}/s`
  if (assessments?.server.state === 'fine') return `Server kept up: ${done}${rate}`
  return `${done}${rate}`
}

function clientPart(state: NonNullable<Report['assessments']>['client']['state']): string {
  if (state === 'fine') return 'client healthy'
  if (state === 'limits') return 'the client limited the run'
  if (state === 'may_limit') return 'the client may have limited the run'
  return 'the client was not watched'
}

function trustPart(trust: Headline['trust'], verdict: readonly VerdictLine[]): string {
  if (trust === 'good') return 'figures trustworthy'
  const [first] = verdict.filter(({ level }) => level === (trust === 'poor' ? 'bad' : 'warn'))
  const count = verdict.filter(({ level }) => level === 'bad' || level === 'warn').length
  const about = first === undefined ? '' : ` (${count === 1 ? 'one caveat' : `${count} caveats`} below)`
  return trust === 'poor' ? `do not rely on these figures${about}` : `figures usable with care${about}`
}

function withoutRequests({ run, os, kernels, operators }: Report): string {
  if (run.command === 'os')
    return os === null ? 'No kernel events were recorded.' : 'A program as the kernel saw it; no requests were sent.'
  if (kernels !== null || operators !== null) return 'A profile of kernels and operators; no requests were sent.'
  if (run.state === 'recording') return 'Recording: no request has ended yet.'
  return 'No measured requests in this run.'
}

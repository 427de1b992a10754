import type { Distribution } from '../../analysis/intervals/distribution.ts'
import { duration, many, percent, wholeNumber } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import type { ProfileFit } from '../../analysis/steps/profile-fit.ts'
import type { StepJoin } from '../../analysis/steps/step-join.ts'
import type { Doubt } from '../../derived/scheduler-replay/model.ts'
import { distributionCells } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'

/** What the engine's steps were, and what a first token waited for in it. */
export function stepLines({ steps, step_join: join }: Report, paint: Paint): string[] {
  if (steps === null) return joinLines(join, paint)
  const row = (name: string, d: Distribution, tokens: string) => {
    if (d === null) return []
    const { unit, n, percentiles, max } = distributionCells(d)
    return [[{ text: `${name} ${unit}`, paint: paint.bold }, n, tokens, ...percentiles, max]]
  }
  const lines = table(
    [{ title: '' }, right('n'), right('tokens'), { title: 'p50' }, { title: 'p90' }, { title: 'p99' }, right('max')],
    [
      ...steps.kinds.flatMap(({ kind, tokens, dur_ms }) => row(`${kind} steps`, dur_ms, wholeNumber(tokens))),
      ...row('sent to first step', steps.queue_ms, ''),
      ...row('first step to first token', steps.prefill_ms, ''),
      ...row('step to client', steps.delivery_ms, ''),
    ],
    paint.dim,
  )
  const linked =
    steps.events === 0
      ? ''
      : `${percent(steps.linked / steps.events)} of ${many('token event', steps.events)} tied to their step`
  const preempted = steps.preemptions === 0 ? '' : `${many('preemption', steps.preemptions)}`
  const source = [linked, preempted, "from the engine's own log"].filter(Boolean).join(' · ')
  return [...lines, ...profileLines(steps.profile, paint), paint.dim(source), ...joinLines(join, paint)]
}

/** What the replay of the scheduler says without the log, and how much of it the log confirms. */
function joinLines(join: StepJoin | null, paint: Paint): string[] {
  if (join === null) return []
  const { from, score, inferred, unresolved, refused, doubts } = join
  if (refused !== null) return [paint.dim(`steps not inferred: ${DOUBTS[refused]}`)]
  if (score !== null) {
    const [precision, recall] = [score.precision, score.recall].map((share) =>
      share === null ? '-' : exactPercent(share),
    )
    const steps = from === 'profile' ? "the profile's steps" : 'steps without names'
    return [paint.dim(`inferred from ${steps}: ${precision} right (precision), ${recall} of all found (recall)`)]
  }
  const why = Object.entries(doubts)
    .sort(([, a], [, b]) => b - a)
    .map(([doubt, n]) => `${wholeNumber(n)} ${DOUBTS[doubt as keyof typeof DOUBTS]}`)
  const open = unresolved === 0 ? [] : [`${wholeNumber(unresolved)} unresolved (${why.join(', ')})`]
  return [paint.dim([`${many('token event', inferred)} tied to their step by inference`, ...open].join(' · '))]
}

/** 99.97 %: what is not quite all is not rounded to all. */
function exactPercent(share: number): string {
  return `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`
}

const DOUBTS: Readonly<Record<Doubt, string>> = {
  preemption: 'after a preemption',
  speculative: 'several tokens a step (speculative decoding)',
  foreign: 'beside requests of another client, or not matching',
  order: 'not first come, first served',
  missing_steps: 'near missing steps',
  ambiguous: 'explained in more than one way',
  late: 'too late for their step',
  uncounted: 'of events whose tokens are not counted',
  several_engines: 'steps of several engines',
  unseen: 'of requests that had begun before',
}

/** Queue, prefill and decode by the server's own spans. */
export function spanLines({ spans }: Report, paint: Paint): string[] {
  if (spans === null) return []
  const rows: [string, Distribution][] = [
    ['queue', spans.queue_ms],
    ['prefill', spans.prefill_ms],
    ['decode', spans.decode_ms],
    ['whole', spans.whole_ms],
  ]
  const lines = table(
    [{ title: '' }, right('n'), { title: 'p50' }, { title: 'p90' }, { title: 'p99' }, right('max')],
    rows.flatMap(([name, d]) => {
      if (d === null) return []
      const { unit, n, percentiles, max } = distributionCells(d)
      return [[{ text: `${name} ${unit}`, paint: paint.bold }, n, ...percentiles, max]]
    }),
    paint.dim,
  )
  const told = `${wholeNumber(spans.requests)} of ${many('answered request', spans.answered)} have a span of the server's (OTLP)`
  return [...(spans.requests === 0 ? [] : lines), paint.dim(told)]
}

const right = (title: string) => ({ title, align: 'right' as const })

/** How the profile of the same time lies in the log: two clocks meet there. */
function profileLines(fit: ProfileFit | null, paint: Paint): string[] {
  if (fit === null) return []
  const { steps, tied, ahead_at_most_ms: ahead, behind_at_most_ms: behind } = fit
  const clocks =
    ahead === null || behind === null ? '' : `: its clock is right to -${duration(ahead)} / +${duration(behind)}`
  const line = `profile: ${wholeNumber(tied)} of ${many('step', steps)} tied to the log${clocks}`
  return [tied < steps ? paint.yellow(line) : paint.dim(line)]
}

import { many, percent, threeDigits } from '../analysis/quantity.ts'
import type { StepOutcome } from '../analysis/sweep/level-search.ts'
import type { SweepResult } from '../analysis/sweep/sweep-result.ts'
import type { SweepAxis, SweepRecord } from '../session/sweep/run-sweep.ts'

/** Nearer than this a rate that was offered is the one that was asked for. */
const OFF_SHARE = 0.02

export function levelText(axis: SweepAxis, level: number): string {
  return axis === 'rate' ? `${Number(level.toPrecision(4))}/s` : many('user', level)
}

export function outcomeText(outcome: StepOutcome, sure: boolean): string {
  const text = { meets: 'meets', fails: 'fails', not_offered: 'not offered' }[outcome]
  return sure ? text : `${text}?`
}

/** What the sweep found: the answer first, then how sure it is. */
export function sweepAnswer(record: SweepRecord, result: SweepResult): string[] {
  const { highest, sure, undecided, not_offered: notOffered, failed_below: below } = result
  const at = (level: number) => levelText(record.sweep, level)
  const list = (levels: readonly number[]) => levels.map(at).join(', ')
  const lines = [headline(record, result)]
  if (record.search_end === 'steps_spent') lines.push('The search was given up before it came to its precision.')
  if (sure.low !== null && sure.high !== null) {
    lines.push(`By the 95 % intervals of the steps it lies between ${at(sure.low)} and ${at(sure.high)}.`)
  } else if (highest !== null && (sure.low !== null || sure.high !== null)) {
    lines.push(
      sure.low !== null
        ? `By the 95 % intervals it is at least ${at(sure.low)}; nothing above failed beyond doubt.`
        : `By the 95 % intervals it is below ${at(sure.high as number)}; nothing met the target beyond doubt.`,
    )
  }
  // Those further out are decided by others: attainment falls as the load grows.
  const open = undecided.filter((level) => level > (sure.low ?? 0) && level < (sure.high ?? Infinity))
  if (open.length > 0) {
    lines.push(`Not decided by its interval: ${list(open)}. More requests a step (--requests, --duration) decide more.`)
  }
  if (below.length > 0)
    lines.push(`Lower ones failed too (${list(below)}): attainment does not fall steadily here, so look twice.`)
  if (result.bracket !== 'not_offered' && notOffered.length > 0) {
    lines.push(`Not offered as asked, so not judged: ${list(notOffered)}.`)
  }
  return lines
}

function headline({ sweep: axis, slo }: SweepRecord, result: SweepResult): string {
  const { highest, fails_at: fails, bracket, max_goodput_per_s: rate, not_offered: notOffered } = result
  const at = (level: number) => levelText(axis, level)
  // The one figure is what was offered: arrivals that are drawn come to more or less than was asked for.
  const rateAt = (level: number, offered: number | null) => {
    if (axis !== 'rate' || offered === null) return at(level)
    const asked = Math.abs(offered / level - 1) < OFF_SHARE ? '' : ` (asked for: ${at(level)})`
    return `${threeDigits(offered)}/s${asked}`
  }
  const kept = `${percent(result.target)} of the requests kept ${slo}`
  if (bracket === 'nothing') return 'Nothing was offered, so nothing was learned.'
  if (highest === null) {
    return bracket === 'not_offered'
      ? 'No rate could be offered as asked: nothing was learned of the server.'
      : `At no ${axis} that was tried ${kept}; lower ones were not tried: the answer is not bracketed.`
  }
  const best = axis === 'rate' ? 'Max goodput' : 'Highest concurrency'
  const there = `${kept} there${axis === 'rate' || rate === null ? '' : `, which is ${threeDigits(rate)} answers a second`}`
  if (fails !== null) {
    return `${best} ${rateAt(highest, rate)}: ${there}, and no longer at ${rateAt(fails, result.fails_at_per_s)}.`
  }
  const higher =
    bracket === 'not_offered'
      ? `higher ones could not be offered as asked (${notOffered.map(at).join(', ')})`
      : 'higher ones were not tried'
  return `${best} at least ${rateAt(highest, rate)}: ${there}; ${higher}: the answer is not bracketed.`
}

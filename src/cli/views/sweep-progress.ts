import type { WriteStream } from 'node:tty'
import { duration, many, percent, wholeNumber } from '../../analysis/quantity.ts'
import type { SweepStep } from '../../analysis/sweep/sweep-step.ts'
import { levelText, outcomeText } from '../../dashboard/sweep-answer.ts'
import { printable } from '../../dashboard/text/text.ts'
import type { RequestRunView } from '../../session/request-run.ts'
import type { SweepArm, SweepPlan } from '../../session/sweep/run-sweep.ts'
import { STOPPING } from './live-view.ts'
import { progressLine } from './progress-line.ts'

const REDRAW_MS = 250

export interface SweepProgressOptions {
  plan: SweepPlan
  target: number
  slo: string | null
  seed: number
  /** How long a step should take. */
  expectedS: (level: number, times?: number) => number
  quiet: boolean
}

export interface SweepProgress {
  /** What is going to be done. */
  introduces(): void
  begins(arm: SweepArm): void
  done(arm: SweepArm, step: SweepStep): void
  note(text: string): void
  /** Of each step's run. */
  readonly view: RequestRunView
  clear(): void
}

/** One line per step, and on a terminal the progress of the whole sweep, with an ETA. */
export function sweepProgress(out: WriteStream, options: SweepProgressOptions): SweepProgress {
  const { plan, expectedS, quiet } = options
  const line = progressLine(out, quiet)
  const said = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let startedMs = 0
  let spentS = 0
  // What the last step took beyond its load: to begin, to drain, to seal.
  let besideS = 0
  const say = (text: string) => {
    if (!quiet) line.above(() => out.write(`${printable(text)}\n`))
  }
  const note = (text: string) => {
    // Each run would say the same, with its own figures.
    const same = text.replaceAll(/\d[\d.,]*/g, 'N')
    if (!said.has(same)) say(text)
    said.add(same)
  }
  const show = (arm: SweepArm) => {
    const elapsedS = (performance.now() - startedMs) / 1000
    const stepS = (level: number, times = 1) => expectedS(level, times) + besideS
    const wholeS = stepS(arm.level, arm.times)
    const rest = restS(plan, arm, stepS)
    // A step that takes longer than its load (it drains) is not done before it is: its share stays below what it ends at.
    const doneS = Math.min(elapsedS, 0.99 * wholeS)
    const share = rest === null ? null : (spentS + doneS) / (spentS + wholeS + rest)
    const longer = elapsedS > wholeS ? ', answering what was left' : ''
    const of = rest === null ? `: ${duration(elapsedS * 1e3)} of ${duration(wholeS * 1e3)}` : ''
    line.show('sweep', share, `${stepOf(plan, arm)} ${levelText(plan.axis, arm.level)}${of}${longer}`)
  }
  const clear = () => {
    clearInterval(timer)
    line.clear()
  }
  return {
    introduces() {
      for (const text of introduction(options)) say(text)
    },
    begins(arm) {
      startedMs = performance.now()
      show(arm)
      clearInterval(timer)
      timer = setInterval(() => show(arm), REDRAW_MS)
      timer.unref()
    },
    done(arm, step) {
      clearInterval(timer)
      const seconds = (performance.now() - startedMs) / 1000
      spentS += seconds
      besideS = Math.max(0, seconds - expectedS(arm.level, arm.times))
      const longer = arm.times === 1 ? '' : ` again, ${arm.times} times as long`
      say(
        `${stepOf(plan, arm)} ${levelText(plan.axis, arm.level)}${longer}: ${duration(seconds * 1e3)}, ${stepText(step)}`,
      )
    },
    note,
    view: {
      note,
      stopping: (stage) => {
        line.above(() => out.write(`${STOPPING[stage]}; this step does not count\n`))
      },
    },
    clear,
  }
}

/** `2/4` of a list; the number of steps of a search is unknown until it has a bracket. */
function stepOf({ levels }: SweepPlan, { step, after }: SweepArm): string {
  if (levels !== null) return `${step}/${levels.length}`
  return after === null ? `${step}` : `${step} of at most ${step + after}`
}

/** How long the steps after this one should take; null where that is not known. */
function restS({ levels }: SweepPlan, { step, level, after }: SweepArm, stepS: (level: number) => number) {
  if (levels !== null) return levels.slice(step).reduce((sum, each) => sum + stepS(each), 0)
  return after === null ? null : after * stepS(level)
}

function stepText({ requests, ok, slo_attainment: share, outcome, sure }: SweepStep): string {
  const answered = `${wholeNumber(ok)} of ${many('request', requests)} answered`
  if (share === null) return answered
  return `${answered}, attainment ${percent(share.value)}${outcome === null ? '' : `: ${outcomeText(outcome, sure)}`}`
}

function introduction({ plan, target, slo, seed, expectedS }: SweepProgressOptions): string[] {
  const { axis, levels, search } = plan
  const same = `The same seed (${seed}) at each step: the same lengths in the same order${axis === 'rate' ? ', arrivals that scale with the rate' : ''}; prompts of its own.`
  if (levels !== null) {
    const allS = levels.reduce((sum, level) => sum + expectedS(level), 0)
    return [
      `${many('step', levels.length)} over ${axis}, ${duration(allS * 1e3)} in all and what it takes to drain. ${same}`,
    ]
  }
  const range =
    search.high === null
      ? `from ${levelText(axis, search.from)}`
      : `${levelText(axis, search.from)} to ${levelText(axis, search.high)}`
  return [
    `Search for the highest ${axis} at which ${percent(target)} of the requests keep ${slo}: ${range}, doubling until one fails, then halving in to ${percent(search.precision)}; the first step takes ${duration(expectedS(search.from) * 1e3)}. ${same}`,
  ]
}

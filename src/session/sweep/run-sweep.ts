import { join } from 'node:path'
import { type LevelSearch, nextMove, type SearchEnd, type SearchMove } from '../../analysis/sweep/level-search.ts'
import { decidingSteps } from '../../analysis/sweep/step-outcome.ts'
import { type SweepResult, sweepResult } from '../../analysis/sweep/sweep-result.ts'
import { type SweepStep, sweepStep } from '../../analysis/sweep/sweep-step.ts'
import { writeFileAtomic } from '../../store/run-folder.ts'
import type { RequestRun } from '../request-run.ts'
import type { StopSignal } from '../stop-signal.ts'

export const SWEEP_FILE = 'sweep.json'

export type SweepAxis = 'rate' | 'concurrency'

/** What is swept: levels in the order given, or a search for the highest that keeps the objectives. */
export type SweepPlan =
  | { readonly axis: SweepAxis; readonly levels: readonly number[]; readonly search: null }
  | { readonly axis: SweepAxis; readonly levels: null; readonly search: LevelSearch }

/** One run to come. */
export interface SweepArm {
  /** From 1. */
  step: number
  level: number
  /** Its folder's name within the sweep's. */
  name: string
  /** How many times as long as a first step at this level. */
  times: number
  /** Steps still to come after this one: exactly of a list, at most of a search; null: not known yet. */
  after: number | null
}

/** What `sweep.json` holds: rewritten after each step, so that what was done outlives what goes wrong. */
export interface SweepRecord {
  sweep: SweepAxis
  seed: number
  slo: string | null
  search: LevelSearch | null
  /** How a search ended; null while it runs, if it was cut off, and for a list. */
  search_end: SearchEnd | null
  /** In the order they were done, each in its folder beside this file. */
  steps: SweepStep[]
  /** A step that was cut short: its run is kept, and counts for nothing. */
  cut_off: { run: string; level: number } | null
  /** Null without objectives. */
  result: SweepResult | null
}

export interface SweepOptions {
  folder: string
  plan: SweepPlan
  seed: number
  /** The objectives as they were named; null: none. */
  slo: string | null
  /** The attainment that a step should reach. */
  target: number
  stop: StopSignal
  /** Whether a step of a search may be run again, so many times as long, because its interval did not decide. */
  mayRepeat(level: number, times: number): boolean
  /** Runs a step into this folder to its end: the next begins when nothing is in flight any more. */
  record(arm: SweepArm, out: string): Promise<RequestRun>
  begins?(arm: SweepArm): void
  done?(arm: SweepArm, step: SweepStep): void
}

/** Does the steps one after another, a run each. What was cut short by a signal ends the sweep. */
export async function runSweep(options: SweepOptions): Promise<SweepRecord> {
  const { folder, plan, seed, slo, target, stop } = options
  const steps: SweepStep[] = []
  let end: SearchEnd | null = null
  let cutOff: SweepRecord['cut_off'] = null
  const record = (): SweepRecord => ({
    sweep: plan.axis,
    seed,
    slo,
    search: plan.search,
    search_end: end,
    steps,
    cut_off: cutOff,
    result: slo === null ? null : sweepResult(plan.axis, steps, target),
  })
  const write = () => writeFileAtomic(join(folder, SWEEP_FILE), `${JSON.stringify(record(), null, 2)}\n`)
  while (stop.stage === 'running') {
    const times = timesAgain(options, steps)
    const move = times === null ? nextLevel(plan, steps) : again(steps)
    if (move.end !== null) {
      end = plan.search === null ? null : move.end
      break
    }
    const { level, after } = move
    const name = armName(plan.axis, steps.length + 1, level)
    const arm = { step: steps.length + 1, level, after, times: times ?? 1, name }
    options.begins?.(arm)
    const run = await options.record(arm, join(folder, arm.name))
    if (run.interrupted) {
      cutOff = { run: arm.name, level }
      break
    }
    const step = sweepStep(arm.name, level, run.report, target)
    steps.push(step)
    write()
    options.done?.(arm, step)
  }
  write()
  return record()
}

/** An undecided step is run again for three times as long, and once more. */
const LONGER = 3
const MOST_TIMES = 9

/** How many times as long the last level is run again; null where its interval decided, or nothing longer may be run. */
function timesAgain({ plan, mayRepeat }: SweepOptions, steps: readonly SweepStep[]): number | null {
  const last = steps.at(-1)
  if (plan.search === null || last === undefined || last.sure || last.outcome === null) return null
  const times = LONGER ** steps.filter(({ level }) => level === last.level).length
  return times <= MOST_TIMES && mayRepeat(last.level, times) ? times : null
}

/** The same level; how many come after it is known when it is done. */
function again(steps: readonly SweepStep[]): SearchMove {
  return { end: null, level: (steps.at(-1) as SweepStep).level, after: null }
}

function nextLevel({ levels, search }: SweepPlan, steps: readonly SweepStep[]): SearchMove {
  if (search === null) {
    const level = levels[steps.length]
    return level === undefined ? { end: 'all_met' } : { end: null, level, after: levels.length - steps.length - 1 }
  }
  // A step in which nothing was offered shows nothing: it counts as a failure, so that the search ends.
  return nextMove(
    search,
    decidingSteps(steps).map(({ level, outcome }) => ({ level, outcome: outcome ?? 'fails' })),
  )
}

/** `03-rate-11.3`: sorts in the order of the steps. */
function armName(axis: SweepAxis, step: number, level: number): string {
  return `${String(step).padStart(2, '0')}-${axis}-${level}`
}

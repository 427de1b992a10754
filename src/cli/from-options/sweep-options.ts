import { shareInterval } from '../../analysis/slo/share-interval.ts'
import { LayerlineError } from '../../base/errors.ts'
import type { SweepAxis, SweepPlan } from '../../session/sweep/run-sweep.ts'
import { LIVE_OPTIONS } from '../options/option-groups.ts'
import type { OptionValues } from '../options.ts'
import type { OfferedLoadOptions } from '../runs/load-offering.ts'

export const TARGET = 0.99
const PRECISION = 0.05
/** Where a search starts by default: one request per second, one user. */
const FIRST = 1
/** A step lasts so long, longer where that can decide about the attainment, but not for ever. */
const STEP_S = 30
const LONGEST_STEP_S = 120
const MOST_STEPS = 100
/** A step that is run again, because its interval did not decide, lasts so long at most. */
const LONGEST_AGAIN_S = 600

export type SweepOptions = OfferedLoadOptions & OptionValues<'sweep' | 'attainment' | 'precision'>

/** A sweep as the command line says it, checked. */
export interface SweepSpec {
  plan: SweepPlan
  target: number
}

/** Options that mean something only in a sweep. Throws `usage/sweep`. */
export function refuseSweepOptions(options: OptionValues<'attainment' | 'precision'>): void {
  const odd = (['attainment', 'precision'] as const).find((name) => options[name] !== undefined)
  if (odd !== undefined) throw wrong(`--${odd} without --sweep`, 'for example --sweep rate=search --slo ttft=500ms')
}

/**
 * Reads `rate=1,2,4`, `rate=search` and `rate=search:LOW,HIGH`, or of `concurrency=`, with the options beside it.
 * Throws `usage/*`.
 */
export function parseSweep(text: string, options: SweepOptions): SweepSpec {
  const [, axis, values = ''] = /^\s*(rate|concurrency)\s*=\s*(.+?)\s*$/.exec(text) ?? []
  if (axis !== 'rate' && axis !== 'concurrency') {
    throw wrong(`--sweep ${text}: expected rate=… or concurrency=…`, SYNTAX)
  }
  refuseBeside(axis, options)
  const search = /^search(?::(.*))?$/.exec(values)
  if (options.attainment !== undefined && options.slo === undefined) {
    throw wrong('--attainment without --slo: there is nothing to attain', 'name the objectives: --slo ttft=500ms')
  }
  const target = options.attainment === undefined ? TARGET : shareOf('--attainment', options.attainment)
  if (search === null) {
    if (options.precision !== undefined) throw wrong('--precision is for a search', 'for example --sweep rate=search')
    return { plan: { axis, levels: levelsOf(text, axis, values), search: null }, target }
  }
  if (options.slo === undefined) {
    throw wrong(
      `--sweep ${text} without --slo: a search needs objectives to meet`,
      'for example --slo ttft=500ms,itl=50ms',
    )
  }
  const precision = options.precision === undefined ? PRECISION : shareOf('--precision', options.precision)
  if (precision < 0.001) throw wrong(`--precision ${options.precision}: expected 0.1 % or more`, 'the default is 5%')
  const [low = null, high = null] = search[1] === undefined ? [] : boundsOf(text, axis, search[1])
  return {
    plan: { axis, levels: null, search: { from: low ?? FIRST, low, high, whole: axis === 'concurrency', precision } },
    target,
  }
}

/** How long a step is, and how long it should take, s. */
export interface StepLength {
  requests: number | undefined
  duration: number | undefined
  expectedS: number
}

/**
 * As `--requests` and `--duration` say; else 30 s, at a rate so low that not even a flawless step could show the target
 * by its interval in that time as long as that takes, up to 120 s.
 */
export function stepLength(
  options: Pick<SweepOptions, 'requests' | 'duration' | 'slo'>,
  { axis, level, target, times = 1 }: { axis: SweepAxis; level: number; target: number; times?: number },
): StepLength {
  const requests = options.requests === undefined ? undefined : options.requests * times
  const duration = options.duration === undefined ? undefined : options.duration * times
  if (requests !== undefined || duration !== undefined) {
    const ofRequests = requests === undefined || axis !== 'rate' ? Infinity : requests / level
    const expectedS = Math.min(ofRequests, duration ?? Infinity)
    return { requests, duration, expectedS: Number.isFinite(expectedS) ? expectedS : STEP_S }
  }
  const toDecide = axis === 'rate' && options.slo !== undefined ? flawlessRequests(target) / level : 0
  const seconds = times * Math.ceil(Math.min(LONGEST_STEP_S, Math.max(STEP_S, toDecide)))
  return { requests: undefined, duration: seconds, expectedS: seconds }
}

/** Whether a step may be run again, so many times as long. */
export function mayRepeat(
  options: SweepOptions,
  step: { axis: SweepAxis; level: number; target: number; times: number },
) {
  return stepLength(options, step).expectedS <= LONGEST_AGAIN_S
}

/**
 * The arrivals of a search are evenly spaced unless `--arrival` says otherwise: those of a Poisson process offer a rate that is
 * off by 1 / sqrt n, and the search would go by luck.
 */
export function searchArrival({ axis, search }: SweepPlan, arrival: string | undefined): string | undefined {
  return search !== null && axis === 'rate' ? (arrival ?? 'constant') : arrival
}

/** How many requests, all of them met, it takes until the interval lies above the target. */
function flawlessRequests(target: number): number {
  const enough = (requests: number) => (shareInterval([{ requests, met: requests }])?.low ?? 0) >= target
  let [low, high] = [1, 1e6]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (enough(middle)) high = middle
    else low = middle
  }
  return high
}

/** The command line of one step alone, for the workers that offer it. */
export function stepCommandLine(
  given: readonly string[],
  step: Readonly<Record<string, string | number | undefined>>,
): string[] {
  const kept: string[] = []
  for (let i = 0; i < given.length; i++) {
    const [, equals] = /^--(?:sweep|attainment|precision)(=|$)/.exec(given[i] as string) ?? []
    if (equals === undefined) kept.push(given[i] as string)
    else if (equals === '') i++
  }
  // The last of an option holds.
  const added = Object.entries(step).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]))
  return [...kept, ...added]
}

const SYNTAX = 'for example --sweep rate=1,2,4,8, --sweep concurrency=1,2,4 or --sweep rate=search --slo ttft=500ms'

function refuseBeside(axis: SweepAxis, options: SweepOptions): void {
  if (options[axis] !== undefined)
    throw wrong(`--${axis} and --sweep ${axis}=…: both say the same`, 'leave one of them out')
  const closed = axis === 'concurrency'
  const other = (closed ? (['rate', 'arrival'] as const) : (['concurrency'] as const)).find(
    (name) => options[name] !== undefined,
  )
  if (other !== undefined) {
    throw wrong(
      `--${other} and --sweep ${axis}=…: ${closed ? 'a closed loop sends when an answer is there' : 'a rate is of an open loop'}`,
      closed
        ? `leave --${other} out, or sweep the rate`
        : 'leave --concurrency out; --max-in-flight is the ceiling of an open loop',
    )
  }
  if (options.resume !== undefined) throw wrong('--resume and --sweep: a sweep begins anew', 'leave one of them out')
  const live = LIVE_OPTIONS.find((name) => options[name] !== undefined && options[name] !== false)
  if (live !== undefined) {
    throw wrong(`--${live} and --sweep: a sweep prints one line per run and has no dashboard`, `remove --${live}`)
  }
}

function levelsOf(text: string, axis: SweepAxis, values: string): number[] {
  const parts = values.split(',').map((part) => part.trim())
  const whole = axis === 'concurrency'
  const odd = parts.find((part) => !isLevel(part, whole))
  if (odd !== undefined) {
    throw wrong(
      `--sweep ${text}: "${odd}" is no ${whole ? 'number of users: expected a whole number from 1' : 'rate: expected requests a second, above 0'}`,
      SYNTAX,
    )
  }
  const levels = parts.map(Number)
  const twice = levels.find((level, i) => levels.indexOf(level) !== i)
  if (twice !== undefined) throw wrong(`--sweep ${text}: ${twice} is there twice`, 'each step once')
  if (levels.length > MOST_STEPS) throw wrong(`--sweep ${text}: more than ${MOST_STEPS} steps`, 'sweep in parts')
  return levels
}

function isLevel(part: string, whole: boolean): boolean {
  const value = Number(part)
  return part !== '' && Number.isFinite(value) && value > 0 && (!whole || Number.isSafeInteger(value))
}

function boundsOf(text: string, axis: SweepAxis, values: string): [number, number] {
  const parts = values.split(',').map((part) => part.trim())
  const [low, high] = parts.map(Number)
  if (
    parts.length !== 2 ||
    !parts.every((part) => isLevel(part, axis === 'concurrency')) ||
    low === undefined ||
    high === undefined ||
    low >= high
  ) {
    throw wrong(
      `--sweep ${text}: expected the lowest and the highest ${axis} to try`,
      'for example --sweep rate=search:2,100',
    )
  }
  return [low, high]
}

/** `99%` or `0.99`: above 0, at most 1. */
function shareOf(option: string, text: string): number {
  const [, number = '', percent] = /^\s*([0-9.]+)\s*(%?)\s*$/.exec(text) ?? []
  const value = Number(number) / (percent === '%' ? 100 : 1)
  if (number === '' || !(value > 0 && value <= 1)) {
    throw wrong(`${option} ${text}: expected a share, above 0 and at most 1`, 'for example 0.05 or 5%')
  }
  return value
}

function wrong(what: string, hint: string): LayerlineError {
  return new LayerlineError('usage/sweep', what, { hint })
}

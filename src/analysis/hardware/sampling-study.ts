import { studentT975 } from '../intervals/cluster-interval.ts'

/** One run of the study: the same work, sampled at one period. */
export interface SamplingRun {
  period_ms: number
  /** Runs of one block did the same work one after another, each period once, in random order: they are compared with each other. */
  block: number
  /** CPU of what does nothing but sample: its thread and its programs, cores; null where it was not measured. */
  sampler_cores: number | null
  /** CPU of the whole client with all that it started, cores: sampling and the requests. */
  client_cores: number | null
  /** Figures that sampling may lessen: output tokens per s. */
  speeds: Record<string, number>
  /** Figures that sampling may lengthen: times, ms. */
  delays: Record<string, number>
  /** What sampling is there to measure: energy, mean utilisation of a stage … */
  measures: Record<string, number>
  /** Of measures that are known exactly by other means: what this run's should be. */
  truths: Record<string, number>
}

export interface SamplingLimits {
  /** A measure may differ from its truth, else from that at the finest period, by this ratio. */
  error: number
  /** CPU that sampling may take, cores. */
  cores: number
  /** The work may be slower than at the coarsest period by this ratio. */
  slowdown: number
}

export const SAMPLING_LIMITS: SamplingLimits = { error: 0.02, cores: 0.02, slowdown: 0.01 }

/** A ratio less 1, or cores, with its 95 % interval; the interval is null under two blocks. */
export type Difference = { value: number; low: number | null; high: number | null; blocks: number }

export interface PeriodFigures {
  period_ms: number
  runs: number
  cores: Difference | null
  /** More than at the coarsest period. */
  client_cores: Difference | null
  /** Against the coarsest period: negative is slower. */
  speed: Record<string, Difference>
  /** Against the coarsest period: positive is slower. */
  delay: Record<string, Difference>
  /** Against the truth where there is one, else the finest period. */
  error: Record<string, Difference & { against: 'truth' | 'finest' }>
  /** Measures that the finest period resolves and this one does not. */
  unresolved: string[]
  /** yes: all of its intervals lie within the limits; no: one lies outside; open: more blocks would tell. */
  fits: 'yes' | 'no' | 'open'
  /** What it was that does not fit, or is open. */
  because: string[]
}

export interface SamplingStudy {
  periods: PeriodFigures[]
  /** The coarsest period that fits; null where none is known to. */
  recommended_ms: number | null
  /** The coarsest period of which nothing speaks against by its figures, intervals aside; null where none. */
  likely_ms: number | null
  /** Blocks (of one run at each period) that would likely settle what is open; null where nothing is, or nothing would. */
  blocks_needed: number | null
  text: string
}

/**
 * Which period loses no accuracy and does not load the system. Runs of one block are compared as ratios, so that what differs between blocks falls
 * out; a difference is the mean over blocks of log ratios with Student's interval (blocks - 1 degrees of freedom). Errors are against the truth or the
 * finest period, slowdown against the coarsest, cost by itself. Times, and the client's whole CPU, vary by more than sampling adds: they can refuse
 * a period whose interval lies outside, and leave none open.
 */
export function studySampling(runs: readonly SamplingRun[], limits: SamplingLimits = SAMPLING_LIMITS): SamplingStudy {
  const periods = [...new Set(runs.map(({ period_ms }) => period_ms))].sort((a, b) => b - a)
  const coarsest = periods[0]
  const finest = periods.at(-1)
  if (coarsest === undefined || finest === undefined || coarsest === finest) {
    return {
      periods: [],
      recommended_ms: null,
      likely_ms: null,
      blocks_needed: null,
      text: 'One period alone cannot be compared: sample the same work at two or more',
    }
  }
  const judged = periods.map((period) => judge(runs, { period, coarsest, finest, limits }))
  const figures = judged.map(({ figures }) => figures)
  const recommended = figures.find(({ fits }) => fits === 'yes')?.period_ms ?? null
  const likely = judged.find(({ figures: { fits }, inside }) => fits !== 'no' && inside)?.figures.period_ms ?? null
  // Only a coarser period that is still open could change the recommendation.
  const open = judged.filter(
    ({ figures: { fits, period_ms } }) => fits === 'open' && (recommended === null || period_ms > recommended),
  )
  const needed = open.flatMap(({ blocks }) => blocks ?? [])
  const blocks = needed.length === 0 ? null : Math.max(...needed)
  return {
    periods: figures,
    recommended_ms: recommended,
    likely_ms: likely,
    blocks_needed: blocks,
    text: sentence(
      recommended,
      likely,
      open.map(({ figures }) => figures),
      blocks,
      limits,
    ),
  }
}

interface Judged {
  figures: PeriodFigures
  /** All its figures lie within the limits, their intervals perhaps not. */
  inside: boolean
  blocks: number | null
}

function judge(
  runs: readonly SamplingRun[],
  { period, coarsest, finest, limits }: { period: number; coarsest: number; finest: number; limits: SamplingLimits },
): Judged {
  const own = runs.filter(({ period_ms }) => period_ms === period)
  const costs = own.flatMap(({ sampler_cores }) => sampler_cores ?? [])
  const cores = costs.length === 0 ? null : meanOf(costs)
  const client = coresMore(runs, period, coarsest)
  const speed = ratios(runs, 'speeds', period, coarsest)
  const delay = ratios(runs, 'delays', period, coarsest)
  const error = errors(runs, period, finest)
  const missing = namesOf(runs, 'measures', finest).filter((name) => error[name] === undefined)
  const verdicts: [string, Verdict][] = [
    ...(cores === null ? [] : [named('its CPU', within(cores, -Infinity, limits.cores))]),
    ...(client === null || period === coarsest
      ? []
      : [named("the client's CPU", refuses(within(client, -Infinity, limits.cores)))]),
    ...(period === coarsest
      ? []
      : [
          ...each(speed, (d) => within(d, -limits.slowdown, Infinity), `against ${coarsest} ms`),
          ...each(delay, (d) => refuses(within(d, -Infinity, limits.slowdown)), `against ${coarsest} ms`),
        ]),
    ...Object.entries(error)
      .filter(([, { against }]) => against === 'truth' || period !== finest)
      .map(([name, d]) =>
        named(
          `${name} against ${d.against === 'truth' ? 'the truth' : `${finest} ms`}`,
          within(d, -limits.error, limits.error),
        ),
      ),
    ...missing.map((name) => named(`${name} is not resolved`, { fits: 'no', blocks: null, inside: false })),
  ]
  const some = (fits: Verdict['fits']) => verdicts.some(([, verdict]) => verdict.fits === fits)
  const fits = some('no') ? 'no' : verdicts.length === 0 || some('open') ? 'open' : 'yes'
  const needed = verdicts.flatMap(([, { fits, blocks }]) => (fits === 'open' && blocks !== null ? [blocks] : []))
  return {
    figures: {
      period_ms: period,
      runs: own.length,
      cores,
      client_cores: client,
      speed,
      delay,
      error,
      unresolved: missing,
      fits,
      because: fits === 'yes' ? [] : verdicts.filter(([, verdict]) => verdict.fits === fits).map(([name]) => name),
    },
    inside: verdicts.length > 0 && verdicts.every(([, { inside }]) => inside),
    blocks: needed.length === 0 ? null : Math.max(...needed),
  }
}

interface Verdict {
  fits: PeriodFigures['fits']
  blocks: number | null
  inside: boolean
}

const named = (name: string, verdict: Verdict): [string, Verdict] => [name, verdict]

function each(
  differences: Readonly<Record<string, Difference>>,
  verdict: (difference: Difference) => Verdict,
  against: string,
): [string, Verdict][] {
  return Object.entries(differences).map(([name, difference]) => named(`${name} ${against}`, verdict(difference)))
}

function within({ value, low, high, blocks }: Difference, least: number, most: number): Verdict {
  const inside = value >= least && value <= most
  if (low === null || high === null) return { fits: 'open', blocks: 2, inside }
  if (low >= least && high <= most) return { fits: 'yes', blocks: null, inside }
  if (low > most || high < least) return { fits: 'no', blocks: null, inside }
  const room = Math.min(value - least, most - value)
  if (room <= 0) return { fits: 'open', blocks: null, inside }
  const deviation = ((high - low) / 2 / studentT975(blocks - 1)) * Math.sqrt(blocks)
  let more = blocks + 1
  while (more < 1000 && (studentT975(more - 1) * deviation) / Math.sqrt(more) > room) more++
  return { fits: 'open', blocks: more, inside }
}

/** It can refuse, and holds nothing up. */
function refuses(verdict: Verdict): Verdict {
  return verdict.fits === 'no' ? verdict : { fits: 'yes', blocks: null, inside: true }
}

type Figures = 'speeds' | 'delays' | 'measures' | 'truths'

function namesOf(runs: readonly SamplingRun[], of: Figures, period: number): string[] {
  return [
    ...new Set(runs.filter(({ period_ms }) => period_ms === period).flatMap((run) => Object.keys(run[of]))),
  ].sort()
}

/** The mean over a block's runs at a period; null where none has it. */
function meanIn(
  runs: readonly SamplingRun[],
  block: number,
  period: number,
  figure: (run: SamplingRun) => number | null,
): number | null {
  const values = runs
    .filter((run) => run.block === block && run.period_ms === period)
    .flatMap((run) => figure(run) ?? [])
  return values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length
}

/** Means over blocks of what a figure of a period is more than that of another; null where no block has both. */
function pairs(
  runs: readonly SamplingRun[],
  here: (block: number) => number | null,
  there: (block: number) => number | null,
): Difference | null {
  const differences = [...new Set(runs.map(({ block }) => block))].flatMap((block) => {
    const [a, b] = [here(block), there(block)]
    return a === null || b === null ? [] : [a - b]
  })
  return differences.length === 0 ? null : meanOf(differences)
}

function coresMore(runs: readonly SamplingRun[], period: number, coarsest: number): Difference | null {
  const at = (p: number) => (block: number) => meanIn(runs, block, p, ({ client_cores }) => client_cores)
  return pairs(runs, at(period), at(coarsest))
}

const logOf = (value: number | undefined): number | null => (value !== undefined && value > 0 ? Math.log(value) : null)

function asRatio({ value, low, high, blocks }: Difference): Difference {
  return {
    value: Math.expm1(value),
    low: low === null ? null : Math.expm1(low),
    high: high === null ? null : Math.expm1(high),
    blocks,
  }
}

/** Paired by block; a name that a run of a pair lacks, or that is not above 0, is excluded. */
function ratios(
  runs: readonly SamplingRun[],
  of: 'speeds' | 'delays' | 'measures',
  period: number,
  reference: number,
): Record<string, Difference> {
  return Object.fromEntries(
    namesOf(runs, of, period).flatMap((name) => {
      const at = (p: number) => (block: number) => meanIn(runs, block, p, (run) => logOf(run[of][name]))
      const found = pairs(runs, at(period), at(reference))
      return found === null ? [] : [[name, asRatio(found)]]
    }),
  )
}

function errors(runs: readonly SamplingRun[], period: number, finest: number): PeriodFigures['error'] {
  const known = namesOf(runs, 'truths', period)
  const truths = known.flatMap((name) => {
    const at = (of: 'measures' | 'truths') => (block: number) =>
      meanIn(runs, block, period, (run) => logOf(run[of][name]))
    const found = pairs(runs, at('measures'), at('truths'))
    return found === null ? [] : [[name, { ...asRatio(found), against: 'truth' as const }] as const]
  })
  const others = Object.entries(ratios(runs, 'measures', period, finest)).filter(([name]) => !known.includes(name))
  return Object.fromEntries([
    ...truths,
    ...others.map(([name, d]) => [name, { ...d, against: 'finest' as const }] as const),
  ])
}

function meanOf(values: readonly number[]): Difference {
  const n = values.length
  const mean = values.reduce((a, b) => a + b, 0) / n
  if (n < 2) return { value: mean, low: null, high: null, blocks: n }
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1))
  const half = (studentT975(n - 1) * deviation) / Math.sqrt(n)
  return { value: mean, low: mean - half, high: mean + half, blocks: n }
}

function sentence(
  recommended: number | null,
  likely: number | null,
  open: readonly PeriodFigures[],
  blocks: number | null,
  limits: SamplingLimits,
): string {
  const asked = `${100 * limits.error} % error at most, under ${limits.cores} cores, work at most ${100 * limits.slowdown} % slower`
  const still = open.map(({ period_ms }) => `${period_ms} ms`).join(', ')
  const more = blocks === null ? 'more blocks would tell' : `about ${blocks} blocks would tell`
  if (recommended === null) {
    if (open.length === 0) return `No period fits (${asked})`
    const guess = likely === null ? '' : `by their figures alone ${likely} ms does; `
    return `No period is known to fit (${asked}): ${guess}open: ${still}; ${more}`
  }
  const answer = `Sample every ${recommended} ms: the coarsest period that fits (${asked})`
  return open.length === 0 ? answer : `${answer}; ${still} may do as well: ${more}`
}

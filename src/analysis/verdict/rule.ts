import type { VerdictLine } from '../../trace/run-json.ts'
import type { Distribution, Percentile } from '../intervals/distribution.ts'
import type { TrackFigures } from '../machine.ts'
import type { Figures } from '../report.ts'

/** One question about a run: its answer, or null where it does not arise. */
export type Rule = (figures: Figures) => VerdictLine | null

/** From `warn` and from `bad` upwards. */
export interface Limits {
  readonly warn: number
  readonly bad: number
}

export function levelOf(value: number, limits: Limits): 'warn' | 'bad' | null {
  return value >= limits.bad ? 'bad' : value >= limits.warn ? 'warn' : null
}

/**
 * The milder of two levels: for rules in which a value must be large both in itself and relative to the measured
 * figure.
 */
export function milder(a: 'warn' | 'bad' | null, b: 'warn' | 'bad' | null): 'warn' | 'bad' | null {
  return a === null || b === null ? null : a === 'warn' || b === 'warn' ? 'warn' : 'bad'
}

/** The median if there are enough rows, else the mean: the baseline for other times. */
export function typicalMs(distribution: Distribution): number | null {
  return distribution === null ? null : (percentileValue(distribution.p50) ?? distribution.mean)
}

/** The p99 where there are rows enough, else the largest value, and which of them it is. */
export function tailMs(distribution: Distribution): { ms: number; which: 'p99' | 'worst' } | null {
  if (distribution === null) return null
  const p99 = percentileValue(distribution.p99)
  return p99 === null ? { ms: distribution.max, which: 'worst' } : { ms: p99, which: 'p99' }
}

export function percentileValue(percentile: Percentile): number | null {
  return 'value' in percentile ? percentile.value : null
}

/** Tracks of a name; with a role, those that say it. */
export function tracksNamed(
  { machine }: Figures,
  layer: TrackFigures['layer'],
  name: string,
  role?: string,
): TrackFigures[] {
  return machine.tracks.filter((t) => t.layer === layer && t.name === name && (role === undefined || t.role === role))
}

/** The p90 of fewer samples is their largest: one pause would judge a whole short run. Then the mean is used. */
const P90_SAMPLES = 10

/** The largest of a figure over the tracks of a name (a run of several client processes has several); null: not measured. */
export function worst(tracks: readonly TrackFigures[], figure: 'mean' | 'p90' | 'max' | 'sum'): number | null {
  if (tracks.length === 0) return null
  return Math.max(...tracks.map((track) => track[figure === 'p90' && track.n < P90_SAMPLES ? 'mean' : figure]))
}

/**
 * The share of the measured span that a track of ns totals adds up to, all of it at most: the last window may reach beyond the
 * span, and a total may be a sum over CPUs. Null: not measured.
 */
export function shareOfSpan({ offered }: Figures, tracks: readonly TrackFigures[]): number | null {
  const sum = worst(tracks, 'sum')
  return sum === null || offered.span_s === null ? null : Math.min(1, sum / (offered.span_s * 1e9))
}

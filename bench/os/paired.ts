import { studentT975 } from '../../src/analysis/intervals/cluster-interval.ts'

/** The ratio of paired times as a geometric mean, with its 95 % interval: Student's t over the logarithms of the pairs' ratios. */
export interface PairedRatio {
  readonly pairs: number
  readonly ratio: number
  readonly low: number
  readonly high: number
}

export function pairedRatio(ratios: readonly number[]): PairedRatio {
  const n = ratios.length
  const logs = ratios.map(Math.log)
  const mean = logs.reduce((sum, log) => sum + log, 0) / n
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (n - 1)
  const half = n < 2 ? Number.POSITIVE_INFINITY : studentT975(n - 1) * Math.sqrt(variance / n)
  return { pairs: n, ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) }
}

/** Whether the ratio is at most `most`: null while the interval holds both answers. */
export function decided({ pairs, low, high }: PairedRatio, most: number, leastPairs: number): boolean | null {
  if (pairs < leastPairs) return null
  if (high <= most) return true
  return low > most ? false : null
}

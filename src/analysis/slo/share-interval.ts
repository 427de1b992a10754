import { studentT975 } from '../intervals/cluster-interval.ts'
import { MIN_UNITS } from '../intervals/rate-resampling.ts'

/** A share of requests with its 95 % interval; no limits where there are too few requests. */
export interface Share {
  value: number
  low: number | null
  high: number | null
}

/** Requests of one block of time, and those of them that count. */
export interface ShareBlock {
  readonly requests: number
  readonly met: number
}

const Z975 = 1.959963985

/**
 * A share with an interval that knows that requests of one moment fare alike: Wilson's score interval with the effective
 * sample size of Korn and Graubard (1998), n* = F(1-F)/v (z/t)^2 and at most n, where
 *
 *   v = b/(b-1) * sum (a_i - F m_i)^2 / n^2
 *
 * is the variance of the share between b blocks of time of m_i requests, a_i of them met, and t is Student's 97.5 % point
 * with b-1 degrees of freedom. Where all or none are met there is no variance to see, and n* = n.
 */
export function shareInterval(blocks: readonly ShareBlock[]): Share | null {
  const requests = sum(blocks.map((block) => block.requests))
  if (requests === 0) return null
  const value = sum(blocks.map((block) => block.met)) / requests
  if (requests < MIN_UNITS) return { value, low: null, high: null }
  const n = effectiveRequests(blocks, requests, value)
  const middle = (value + Z975 ** 2 / (2 * n)) / (1 + Z975 ** 2 / n)
  const half = (Z975 / (1 + Z975 ** 2 / n)) * Math.sqrt((value * (1 - value)) / n + Z975 ** 2 / (4 * n * n))
  return {
    value,
    low: value === 0 ? 0 : Math.max(0, middle - half),
    high: value === 1 ? 1 : Math.min(1, middle + half),
  }
}

function effectiveRequests(blocks: readonly ShareBlock[], requests: number, share: number): number {
  const b = blocks.length
  if (b < 2 || share === 0 || share === 1) return requests
  const squares = sum(blocks.map(({ requests: m, met }) => (met - share * m) ** 2))
  const variance = ((b / (b - 1)) * squares) / requests ** 2
  if (variance === 0) return requests
  return Math.min(requests, ((share * (1 - share)) / variance) * (Z975 / studentT975(b - 1)) ** 2)
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}

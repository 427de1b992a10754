import { type DistributionKind, distributionKind } from './distribution-kind.ts'
import { badSpec } from './spec-text.ts'
import * as variates from './variates.ts'

const constant = distributionKind({
  syntax: 'const:N, or just N',
  doc: 'always N',
  fields: { value: { kind: 'number', min: 0 } },
  make: ({ value }) => ({ name: 'const', parameters: { value }, mean: value, draw: () => value }),
})

const uniform = distributionKind({
  syntax: 'uniform:A,B',
  doc: 'from A to B, each as likely (both included)',
  fields: { from: { kind: 'number', min: 0 }, to: { kind: 'number', min: 0 } },
  make: ({ from, to }, unit, spec) => {
    if (to < from) throw badSpec(spec, `to: expected at least ${from}, found ${to}`)
    // Rounded, the ends of a count get a whole share each.
    const half = unit === 'count' ? 0.5 : 0
    const width = to - from + 2 * half
    return {
      name: 'uniform',
      parameters: { from, to },
      mean: (from + to) / 2,
      draw: (random) => from - half + width * random.uniform53(),
    }
  },
})

const normal = distributionKind({
  syntax: 'normal:MEAN,SD',
  doc: 'normal, rounded',
  fields: { mean: { kind: 'number', min: 0 }, sd: { kind: 'number', min: 0 } },
  make: ({ mean, sd }) => ({
    name: 'normal',
    parameters: { mean, sd },
    mean,
    draw: (random) => mean + sd * variates.normal(random),
  }),
})

/** exp(mu + sigma Z) with sigma^2 = ln(1 + (sd / mean)^2) and mu = ln(mean) - sigma^2 / 2. */
const lognormal = distributionKind({
  syntax: 'lognormal:MEAN,SD, or lognormal:median=M,sigma=S',
  doc: 'lognormal of this mean and standard deviation, or of this median and this sigma of its logarithm',
  fields: {
    mean: { kind: 'number', above: 0, optional: true },
    sd: { kind: 'number', min: 0, optional: true },
    median: { kind: 'number', above: 0, optional: true, named: true },
    sigma: { kind: 'number', min: 0, max: 10, optional: true, named: true },
  },
  pure: ['sigma'],
  make: ({ mean, sd, median, sigma }, _, spec) => {
    const byMean = mean !== undefined && sd !== undefined && median === undefined && sigma === undefined
    const byMedian = median !== undefined && sigma !== undefined && mean === undefined && sd === undefined
    if (!byMean && !byMedian) throw badSpec(spec, 'expected mean and sd, or median and sigma')
    const s = byMean ? Math.sqrt(Math.log1p((sd / mean) ** 2)) : (sigma ?? 0)
    const mu = byMean ? Math.log(mean) - (s * s) / 2 : Math.log(median ?? 1)
    return {
      name: 'lognormal',
      parameters: { mu, sigma: s, ...(byMean ? { mean, sd } : {}) },
      mean: Math.exp(mu + (s * s) / 2),
      draw: (random) => Math.exp(mu + s * variates.normal(random)),
    }
  },
})

const pareto = distributionKind({
  syntax: 'pareto:ALPHA,XM',
  doc: 'P(length > x) = (XM / x)^ALPHA from XM on',
  fields: { alpha: { kind: 'number', above: 0 }, xm: { kind: 'number', above: 0 } },
  pure: ['alpha'],
  make: ({ alpha, xm }) => ({
    name: 'pareto',
    parameters: { alpha, xm },
    mean: alpha > 1 ? (alpha * xm) / (alpha - 1) : Number.POSITIVE_INFINITY,
    draw: (random) => variates.pareto(random, alpha, xm),
  }),
})

const poisson = distributionKind({
  syntax: 'poisson:MEAN',
  doc: 'Poisson of this mean; whole numbers',
  fields: { mean: { kind: 'number', above: 0, max: 1e9 } },
  make: ({ mean }) => ({
    name: 'poisson',
    parameters: { mean },
    mean,
    draw: (random) => variates.poisson(random, mean),
  }),
})

const exponential = distributionKind({
  syntax: 'exponential:MEAN',
  doc: 'exponential of this mean',
  fields: { mean: { kind: 'number', above: 0 } },
  make: ({ mean }) => ({
    name: 'exponential',
    parameters: { mean },
    mean,
    draw: (random) => mean * variates.exponential(random),
  }),
})

/** What lengths, turns and think times can be drawn from; a new one needs no other change. */
export const DISTRIBUTIONS = {
  const: constant,
  uniform,
  normal,
  lognormal,
  pareto,
  poisson,
  exponential,
} as const satisfies Record<string, DistributionKind>

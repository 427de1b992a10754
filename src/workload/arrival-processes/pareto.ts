import { badSpec } from '../distributions/spec-text.ts'
import { pareto as paretoVariate } from '../distributions/variates.ts'
import { renewal } from './arrival-process.ts'
import { processKind } from './process-kind.ts'

/** Pareto gaps, P(gap > x) = (xm / x)^alpha: long silences. Without xm it is (alpha - 1) / (alpha rate), so that the mean is 1 / rate. */
export const pareto = processKind({
  syntax: 'pareto:ALPHA[,XM]',
  doc: 'Pareto gaps: long silences; XM, the shortest gap, instead of --rate',
  fields: { alpha: { kind: 'number', above: 0 }, xm: { kind: 'seconds', above: 0, optional: true } },
  ownRate: ({ xm }) => xm !== undefined,
  make: ({ alpha, xm }, rate, spec) => {
    if (xm === undefined && alpha <= 1) {
      throw badSpec(spec, 'gaps of alpha 1 or less have no mean, so no --rate; give xm, the shortest gap')
    }
    const shortestS = xm ?? (alpha - 1) / (alpha * rate)
    return {
      name: 'pareto',
      parameters: { ...(xm === undefined ? { rate } : {}), alpha, xm_s: shortestS },
      meanRate: alpha > 1 ? (alpha - 1) / (alpha * shortestS) : null,
      start: renewal((random) => paretoVariate(random, alpha, shortestS) * 1e6),
    }
  },
})

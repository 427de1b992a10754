import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf, numberOf, oneRow } from '../rows.ts'
import { aiperf } from './aiperf.ts'
import type { DefinedValue, DefinitionSet } from './definition-set.ts'
import { guidellm } from './guidellm.ts'
import { layerline } from './layerline.ts'
import { vllm } from './vllm.ts'

/** Every set, by the name that `--definitions` takes. */
export const DEFINITIONS = { layerline, vllm, aiperf, guidellm } as const satisfies Record<string, DefinitionSet>
export type DefinitionsName = keyof typeof DEFINITIONS

export interface DefinedDistribution {
  name: string
  unit: string
  formula: string
  /** Values; of weighted ones, requests. */
  n: number
  mean: number | null
  /** Of the population, as these tools have it. */
  std: number | null
  p50: number | null
  p90: number | null
  p99: number | null
}

/** A run's figures in another tool's terms; like that tool's, without intervals. */
export interface DefinedFigures {
  id: string
  tool: string
  percentiles: DefinitionSet['percentiles']
  distributions: DefinedDistribution[]
  rates: { name: string; unit: string; formula: string; value: number | null }[]
}

const QUANTILES = { p50: 0.5, p90: 0.9, p99: 0.99 } as const

/** Figures of answered, measured requests by one tool's definitions. */
export async function definedFigures(reader: RunReader, name: DefinitionsName): Promise<DefinedFigures> {
  const set: DefinitionSet = DEFINITIONS[name]
  const distributions: DefinedDistribution[] = []
  for (const value of set.values) {
    const row = await oneRow(reader, distributionSql(value, set.percentiles))
    distributions.push({
      name: value.name,
      unit: value.unit,
      formula: value.formula,
      n: countOf(row, 'n'),
      mean: numberOf(row, 'mean'),
      std: numberOf(row, 'std'),
      p50: numberOf(row, 'p50'),
      p90: numberOf(row, 'p90'),
      p99: numberOf(row, 'p99'),
    })
  }
  const rates: DefinedFigures['rates'] = []
  for (const { sql, ...rate } of set.rates) {
    rates.push({ ...rate, value: numberOf(await oneRow(reader, `SELECT (${sql}) AS value`), 'value') })
  }
  return { id: set.id, tool: set.tool, percentiles: set.percentiles, distributions, rates }
}

function distributionSql({ sql, weighted }: DefinedValue, percentiles: DefinitionSet['percentiles']): string {
  if (percentiles === 'interpolated') {
    const quantiles = Object.entries(QUANTILES).map(([name, p]) => `quantile_cont(value, ${p}) AS ${name}`)
    return `SELECT count(value) AS n, avg(value) AS mean, stddev_pop(value) AS std, ${quantiles.join(', ')} FROM (${sql})`
  }
  const weight = weighted ? 'weight' : '1'
  // A hair below p of the weight, so that it does not depend on how sums round.
  const quantiles = Object.entries(QUANTILES).map(
    ([name, p]) => `min(value) FILTER (upto >= ${p - 1e-12} * total) AS ${name}`,
  )
  return `WITH v AS (SELECT value, (${weight})::DOUBLE AS w FROM (${sql}) WHERE value IS NOT NULL AND ${weight} > 0),
    c AS (SELECT value, w, sum(w) OVER (ORDER BY value) AS upto, sum(w) OVER () AS total, sum(w * value) OVER () / sum(w) OVER () AS mean FROM v)
    SELECT count(*) AS n, any_value(mean) AS mean, sqrt(sum(w * (value - mean) ** 2) / any_value(total)) AS std, ${quantiles.join(', ')} FROM c`
}

import { BASE_FIGURES } from '../../trace/base-figures.ts'
import { ANSWERED, E2E_NS, GAPS, TPOT_NS, TTFT_NS } from '../populations.ts'
import type { DefinitionSet } from './definition-set.ts'

const ofRequest = (ns: string) => `SELECT (${ns}) / 1e6 AS value FROM ${ANSWERED}`

/** Our own, without the intervals that the rest of a report has: to be laid beside another tool's. */
export const layerline: DefinitionSet = {
  id: 'layerline',
  tool: 'Layerline',
  percentiles: 'order',
  values: [
    { name: 'ttft_ms', unit: 'ms', formula: BASE_FIGURES.ttft.formula, sql: ofRequest(TTFT_NS) },
    {
      name: 'itl_ms',
      unit: 'ms',
      formula: 'each gap between events with a token, pooled',
      sql: `SELECT gap_ns / 1e6 AS value FROM ${GAPS}`,
    },
    {
      name: 'tpot_ms',
      unit: 'ms',
      formula: BASE_FIGURES.tpot.formula,
      sql: ofRequest(TPOT_NS),
    },
    { name: 'e2e_ms', unit: 'ms', formula: BASE_FIGURES.e2e.formula, sql: ofRequest(E2E_NS) },
  ],
  rates: [],
}

import type { RunReader } from '../../store/read/run-reader.ts'
import { type EnergyScope, energyScopes } from '../hardware/energy-sources.ts'
import { piecesSql } from '../hardware/energy-sql.ts'
import { findSensors, resolutionNs } from '../hardware/sensors.ts'
import { countOf, oneRow } from '../rows.ts'

/** How the energy of steps is known. */
export interface StepEnergy {
  /** GPUs where they tell of power, else the processors of the host. */
  scope: EnergyScope['scope']
  /** A step's energy is the power of all devices over its time, which everything on them draws; a request's share of it goes by tokens, as its time does. */
  confidence: 'modelled'
  /** The resolution of power, ms: the energy of shorter steps is interpolated. */
  resolution_ms: number
  /** Share of the steps' time in which power is known; what lies beside it has no energy here. */
  covered_share: number
  /** Of all steps, J. */
  steps_j: number
}

/** Where `keepStepEnergy` keeps it: `(at_ns, j)`, the energy of all devices up to the start or end of each step. */
export const STEP_ENERGY = 'ledger_energy'

/** Keeps the energy up to each start and end of a step of the table `work`; null where no power is known or several engines share the devices. */
export async function keepStepEnergy(reader: RunReader, work: string): Promise<StepEnergy | null> {
  const [engines] = await reader.query(`SELECT count(DISTINCT track_id) AS n FROM ${work}`)
  const [scope] = engines !== undefined && countOf(engines, 'n') === 1 ? energyScopes(await findSensors(reader)) : []
  if (scope !== undefined) {
    await reader.keep(STEP_ENERGY, energyUpTo(scope, work))
    const row = await oneRow(
      reader,
      `SELECT sum(b.j - a.j) AS j, sum(b.known_s - a.known_s) AS known_s, sum(w.upto_ns - w.from_ns) / 1e9 AS s
       FROM ${work} w JOIN ${STEP_ENERGY} a ON a.at_ns = w.from_ns JOIN ${STEP_ENERGY} b ON b.at_ns = w.upto_ns WHERE w.request_id IS NULL`,
    )
    const known = countOf(row, 'known_s') / scope.sources.length
    if (known > 0) {
      return {
        scope: scope.scope,
        confidence: 'modelled',
        resolution_ms: Math.max(...scope.sources.map(({ sensor }) => resolutionNs(sensor))) / 1e6,
        covered_share: Math.min(1, known / countOf(row, 's')),
        steps_j: countOf(row, 'j'),
      }
    }
  }
  return null
}

/** The integral of `pieces` up to each time: of those that are over, and of the one under way, which is linear in time. */
function energyUpTo({ sources }: EnergyScope, work: string): string {
  return `WITH ${piecesSql(sources)},
  summed AS (SELECT *, coalesce(sum((p0 + p1) / 2 * (t1 - t0) / 1e9) OVER before, 0) AS j0, coalesce(sum((t1 - t0) / 1e9) OVER before, 0) AS s0
    FROM pieces WINDOW before AS (PARTITION BY dev ORDER BY t0 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
  times AS (SELECT DISTINCT at_ns, dev FROM (SELECT from_ns AS at_ns FROM ${work} UNION SELECT upto_ns FROM ${work}), (SELECT DISTINCT dev FROM pieces)),
  reached AS (SELECT x.at_ns, p.*, greatest(0, least(x.at_ns, p.t1) - p.t0) AS dt FROM times x ASOF LEFT JOIN summed p ON p.dev = x.dev AND x.at_ns >= p.t0)
  SELECT at_ns, sum(coalesce(j0 + (p0 + (p1 - p0) * dt / 2 / (t1 - t0)) * dt / 1e9, 0)) AS j, sum(coalesce(s0 + dt / 1e9, 0)) AS known_s FROM reached GROUP BY at_ns`
}

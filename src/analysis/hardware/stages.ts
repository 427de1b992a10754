import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf, numberOf } from '../rows.ts'
import { flowSql, type Horizon, LABELS, type Label } from './flights.ts'
import { labelledSql, samplesSql } from './samples.ts'
import type { Sensor } from './sensors.ts'

/** A sampled track during one stage; null if that stage never occurred. */
export type StageValue = {
  /** Samples' worth of it: the sum of its weights. */
  weight: number
  /** Mean over the samples, weighted. */
  mean: number
  /** Over samples whose window was mostly this; null where none was. */
  min: number | null
  max: number | null
  /** How much of the windows behind `mean` was this: 1 where they held nothing else; under 0.5 the mean is mostly of other things. */
  purity: number
} | null

export interface StageTrack {
  layer: Sensor['layer']
  host: string | null
  device: string | null
  process: string | null
  role: string | null
  name: string
  unit: string | null
  /** Samples without repeats, repeats, and samples in which the source had no value. */
  samples: number
  repeats: number
  missing: number
  by_stage: Record<Label, StageValue>
}

/** What each sensor showed in each stage. All samples count, repeats too: they are evenly spread over time, new values need not be. */
export async function stageTracks(
  reader: RunReader,
  sensors: readonly Sensor[],
  horizon: Horizon,
): Promise<StageTrack[]> {
  const shown = sensors.filter(({ name, n }) => name !== 'energy_j' || n === 0)
  const sampled = shown.filter(({ n }) => n > 0)
  const figures = LABELS.map(
    (
      label,
    ) => `sum(${label}) AS ${label}_weight, sum(value * ${label}) AS ${label}_sum, sum(${label} * ${label}) AS ${label}_squares,
      min(value) FILTER (${label} >= 0.5) AS ${label}_min, max(value) FILTER (${label} >= 0.5) AS ${label}_max`,
  )
  const rows =
    sampled.length === 0
      ? []
      : await reader.query(
          `WITH ${flowSql(horizon)}, ${samplesSql(sampled)}, ${labelledSql()}
          SELECT track_id, count(*) FILTER (is_repeat) AS repeats, ${figures.join(', ')} FROM labelled GROUP BY track_id`,
        )
  const byTrack = new Map(rows.map((row) => [countOf(row, 'track_id'), row]))
  return shown.map((sensor) => {
    const row = byTrack.get(sensor.track_id) ?? {}
    const repeats = countOf(row, 'repeats')
    const value = (label: Label): StageValue => {
      const weight = countOf(row, `${label}_weight`)
      // Rounding of times leaves less than a millionth of a sample where there is nothing.
      if (weight < 1e-6) return null
      return {
        weight,
        mean: countOf(row, `${label}_sum`) / weight,
        min: numberOf(row, `${label}_min`),
        max: numberOf(row, `${label}_max`),
        purity: Math.min(1, countOf(row, `${label}_squares`) / weight),
      }
    }
    const { layer, host, device, process, role, name, unit, n, nulls } = sensor
    return {
      layer,
      host,
      device,
      process,
      role,
      name,
      unit,
      samples: n - repeats,
      repeats,
      missing: nulls,
      by_stage: Object.fromEntries(LABELS.map((label) => [label, value(label)])) as Record<Label, StageValue>,
    }
  })
}

import type { RunReader } from '../../store/read/run-reader.ts'
import type { Span } from '../requests/offered.ts'
import { countOf } from '../rows.ts'
import { type Energy, energyOf } from './energy.ts'
import { energyScopes } from './energy-sources.ts'
import { horizonOf } from './flights.ts'
import { samplesSql } from './samples.ts'
import { findSensors, resolutionNs, type Sensor } from './sensors.ts'
import { type StageTrack, stageTracks } from './stages.ts'

/** A sensor as a report shows it. */
export interface SensorFigures {
  layer: Sensor['layer']
  host: string | null
  device: string | null
  process: string | null
  name: string
  field: string | null
  /** Median time between samples. */
  period_ms: number
  /** How often its value is new; null: each sample may be, or too few changes were seen. */
  update_ms: number | null
  /** A value is a mean over this; null: over the time since the sample before. */
  window_ms: number | null
  resolution_ms: number
}

export interface Hardware {
  sensors: SensorFigures[]
  by_stage: StageTrack[]
  /** GPUs together, and the hosts' processors together; neither where nothing tells. */
  energy: Energy[]
  /** Share of the measured span in which GPUs were sampled, the least of them; null without a GPU. */
  gpu_covered_share: number | null
  /** GPUs with tracks none of whose samples has a value. */
  gpus_silent: string[]
}

/**
 * What the machine under the requests did in each of their stages, and the energy it took. Null if nothing was sampled.
 */
export async function hardwareFigures(reader: RunReader, span: Span | null, requestLines = 20): Promise<Hardware> {
  const horizon = await horizonOf(reader)
  const sensors = horizon === null ? [] : await findSensors(reader)
  if (horizon === null || sensors.length === 0)
    return { sensors: [], by_stage: [], energy: [], gpu_covered_share: null, gpus_silent: [] }
  const energy: Energy[] = []
  for (const scope of span === null ? [] : energyScopes(sensors)) {
    const found = await energyOf(reader, scope, span as Span, horizon, requestLines)
    if (found !== null) energy.push(found)
  }
  const gpus = new Map<string, Sensor[]>()
  for (const sensor of sensors.filter(({ layer }) => layer === 'gpu')) {
    const name = [sensor.host, sensor.device].filter((part) => part !== null).join(' ')
    gpus.set(name, [...(gpus.get(name) ?? []), sensor])
  }
  return {
    sensors: sensors.map((sensor) => ({
      layer: sensor.layer,
      host: sensor.host,
      device: sensor.device,
      process: sensor.process,
      name: sensor.name,
      field: sensor.field,
      period_ms: sensor.period_ns / 1e6,
      update_ms: sensor.measured_update_ns === null ? null : sensor.measured_update_ns / 1e6,
      window_ms: sensor.window_ns === null ? null : sensor.window_ns / 1e6,
      resolution_ms: resolutionNs(sensor) / 1e6,
    })),
    by_stage: await stageTracks(reader, sensors, horizon),
    energy,
    gpu_covered_share: span === null ? null : await coveredShare(reader, [...gpus.values()], span),
    gpus_silent: [...gpus].filter(([, tracks]) => tracks.every(({ n }) => n === 0)).map(([name]) => name),
  }
}

/** From the first to the last sample of each stretch without a hole, and a period after it; by each GPU's fullest track. */
async function coveredShare(
  reader: RunReader,
  gpus: readonly (readonly Sensor[])[],
  { startNs, endNs }: Span,
): Promise<number | null> {
  if (gpus.length === 0) return null
  const fullest = gpus.flatMap((tracks) => tracks.toSorted((a, b) => b.n - a.n).slice(0, 1)).filter(({ n }) => n > 0)
  if (fullest.length < gpus.length) return 0
  const rows = await reader.query(
    `WITH ${samplesSql(fullest)}, runs AS (SELECT track_id, greatest(min(from_ns), ${startNs}::DOUBLE) AS a, least(max(t_ns) + any_value(period_ns), ${endNs}::DOUBLE) AS b
      FROM samples JOIN sensor USING (track_id) GROUP BY track_id, chain)
    SELECT track_id, coalesce(sum(b - a) FILTER (b > a), 0) / ${endNs - startNs} AS share FROM runs GROUP BY track_id`,
  )
  return Math.min(1, ...rows.map((row) => countOf(row, 'share')))
}

import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import { countOf, numberOf, textOf } from '../rows.ts'

/** A sampled track of the hardware and what is known of the sensor behind it. Times in ns. */
export interface Sensor {
  track_id: number
  layer: 'gpu' | 'host'
  host: string | null
  /** `<index> <uuid> <name>` of a GPU; a zone, a CPU … of a host. */
  device: string | null
  process: string | null
  role: string | null
  name: string
  unit: string | null
  /** gauge, mean, delta, counter, where the track says. */
  kind: string | null
  /** Where the value was read. */
  field: string | null
  /** Samples with a value; samples without one. */
  n: number
  nulls: number
  /** Its values are not all the same; of a `delta`, not all zero. */
  moves: boolean
  /** The median time between samples. */
  period_ns: number
  /** How often the sensor looks, from when its samples change; null where too few changes were seen or it is faster than the samples. */
  measured_update_ns: number | null
  /** In force: measured; else the shorter of what the track declares and what other tracks of the device show; else the samples' period. */
  update_ns: number
  /** A value is a mean over this time before its stamp (0: a moment); null: over the time since the sample before. */
  window_ns: number | null
  /** A longer pause than this between samples is a hole, over which nothing is interpolated. */
  hole_ns: number
  /** Share of the time in which the sensor looks at all. */
  sensor_coverage: number | null
  uncertainty_w: number | null
  clock_uncertainty_ns: number
}

/** Hosts with hundreds of GPUs have more; GPUs come first. */
const MAX_SENSORS = 400
/** Fewer changes than this say nothing of a sensor's period. */
const ENOUGH_CHANGES = 8
/** A value that steps now and then changes at the pace of what it measures, not of its sensor: a sensor's own changes fill more of the time. */
const ENOUGH_TIME = 0.2
const HOST_TRACKS = ['cpu_busy_ratio', 'cpu_cores', 'rss_bytes', 'memory_available_bytes', 'energy_j'] as const

/**
 * Sensors of the layers `gpu` and, of what tells of the machine and the engine, `host`. A sensor's period is the mean of the times between changes
 * of its value that are no longer than their 10 % quantile and one and a half samples: a value that is the same twice makes a time between
 * changes longer, never shorter, and where samples and sensor are out of step both neighbours of the true period are among them.
 */
export async function findSensors(reader: RunReader): Promise<Sensor[]> {
  const rows = await reader.query(
    `WITH wanted AS (SELECT *, CASE WHEN json_valid(attrs) THEN attrs::JSON END AS said FROM tracks
        WHERE (layer = 'gpu' AND name NOT IN ('gaps', 'values_rejected')) OR (layer = 'host' AND (name IN (${HOST_TRACKS.map((name) => `'${name}'`).join(', ')})))),
      polls AS (SELECT c.track_id, c.t_ns, c.value, lag(c.value) OVER w AS was, lag(c.t_ns) OVER w AS was_ns
        FROM counters c SEMI JOIN wanted t ON c.track_id = t.track_id WHERE c.value IS NOT NULL
        WINDOW w AS (PARTITION BY c.track_id ORDER BY c.t_ns)),
      paces AS (SELECT track_id, count(*) AS n, quantile_disc(t_ns - was_ns, 0.5) AS period, max(t_ns) - min(t_ns) AS lasts, min(value) < max(value) OR (any_value(k.kind) = 'delta' AND max(value) > 0) AS moves FROM polls JOIN (SELECT track_id AS id, said->>'$.kind' AS kind FROM wanted) k ON k.id = track_id GROUP BY track_id),
      changes AS (SELECT track_id, t_ns - lag(t_ns) OVER (PARTITION BY track_id ORDER BY t_ns) AS gap FROM polls WHERE was IS NOT NULL AND value <> was),
      least AS (SELECT track_id, quantile_disc(gap, 0.1) AS gap FROM changes GROUP BY track_id),
      updates AS (SELECT c.track_id, avg(c.gap) AS gap, count(*) AS changes, sum(c.gap) / any_value(p.lasts) AS time_share FROM changes c JOIN least l ON l.track_id = c.track_id
        JOIN paces p ON p.track_id = c.track_id WHERE c.gap <= l.gap + 1.5 * p.period GROUP BY c.track_id),
      missing AS (SELECT c.track_id, count(*) AS nulls FROM counters c SEMI JOIN wanted t ON c.track_id = t.track_id WHERE c.value IS NULL GROUP BY c.track_id),
      doubts AS (SELECT clock, quantile_disc(uncertainty_ns, 0.5) AS ns FROM clocks GROUP BY clock)
    SELECT t.track_id, t.layer, t.host, t.device, t.process, t.name, t.unit, t.said->>'$.role' AS role, t.said->>'$.kind' AS kind,
      coalesce(t.said->>'$.field', t.said->>'$.source') AS field, TRY_CAST(t.said->>'$.window_ns' AS DOUBLE) AS window_ns,
      1e6 * TRY_CAST(t.said->>'$.window_ms' AS DOUBLE) AS window_of_ms, TRY_CAST(t.said->>'$.update_period_ns' AS DOUBLE) AS declared,
      TRY_CAST(t.said->>'$.sensor_coverage' AS DOUBLE) AS coverage, TRY_CAST(t.said->>'$.uncertainty_w' AS DOUBLE) AS uncertainty_w,
      p.n, p.period, p.moves, u.gap, u.changes, u.time_share, m.nulls, d.ns AS doubt
    FROM wanted t LEFT JOIN paces p ON p.track_id = t.track_id LEFT JOIN updates u ON u.track_id = t.track_id
      LEFT JOIN missing m ON m.track_id = t.track_id LEFT JOIN doubts d ON d.clock = t.clock
    WHERE p.n IS NOT NULL OR m.nulls IS NOT NULL
    ORDER BY t.layer <> 'gpu', t.host, t.device NULLS FIRST, t.name, t.process NULLS FIRST, t.track_id LIMIT ${MAX_SENSORS}`,
  )
  const paces = rows.map((row) => ({ device: deviceOf(row), update: paceOf(row) }))
  return rows
    .map((row) => {
      const beside = paces.flatMap(({ device, update }) =>
        device === deviceOf(row) && update !== null ? [update] : [],
      )
      return sensorOf(row, beside)
    })
    .filter(({ layer, name, device }) => layer === 'gpu' || name === 'energy_j' || device === null)
}

function deviceOf(row: SqlRow): string {
  return JSON.stringify([row.layer, row.host, row.device, row.process])
}

function isPerSample(row: SqlRow): boolean {
  return row.kind === 'delta' || row.kind === 'mean'
}

/** The time between a sensor's looks, as far as its changes tell: no less than the samples' period. Null where they do not. */
function paceOf(row: SqlRow): number | null {
  const known = countOf(row, 'changes') >= ENOUGH_CHANGES && countOf(row, 'time_share') >= ENOUGH_TIME
  return isPerSample(row) || !known ? null : Math.max(countOf(row, 'gap'), countOf(row, 'period'))
}

function sensorOf(row: SqlRow, beside: readonly number[]): Sensor {
  const kind = textOf(row, 'kind')
  const period = numberOf(row, 'period') ?? 0
  const perSample = isPerSample(row)
  const pace = paceOf(row)
  const measured = pace !== null && pace > 1.25 * period ? pace : null
  // What changes too rarely to tell, like a memory that is full, is looked at no more rarely than what its source says, or than its neighbours.
  const told = [...beside, ...(row.declared === null ? [] : [countOf(row, 'declared')])]
  const update = perSample
    ? period
    : Math.max(period, pace === null ? (told.length === 0 ? period : Math.min(...told)) : (measured ?? period))
  const said = numberOf(row, 'window_ns') ?? numberOf(row, 'window_of_ms')
  // A host's gauge is read as it is then; what lies behind a GPU's is not ours to say: at most the time since its sensor looked before.
  const window = said ?? (perSample ? null : kind === 'gauge' && row.layer === 'host' ? 0 : update)
  return {
    track_id: countOf(row, 'track_id'),
    layer: row.layer as Sensor['layer'],
    host: textOf(row, 'host'),
    device: textOf(row, 'device'),
    process: textOf(row, 'process'),
    role: textOf(row, 'role'),
    name: String(row.name),
    unit: textOf(row, 'unit'),
    kind,
    field: textOf(row, 'field'),
    n: countOf(row, 'n'),
    nulls: countOf(row, 'nulls'),
    moves: row.moves === true,
    period_ns: period,
    measured_update_ns: measured,
    update_ns: update,
    window_ns: window,
    hole_ns: Math.max(5 * period, 3 * update, window ?? 0),
    sensor_coverage: numberOf(row, 'coverage'),
    uncertainty_w: numberOf(row, 'uncertainty_w'),
    clock_uncertainty_ns: countOf(row, 'doubt'),
  }
}

/** The time resolution of a value: nothing shorter than this is visible by itself. */
export function resolutionNs({
  window_ns,
  update_ns,
  period_ns,
}: Pick<Sensor, 'window_ns' | 'update_ns' | 'period_ns'>): number {
  return Math.max(window_ns ?? period_ns, update_ns, period_ns)
}

import type { Report } from '../../../analysis/report.ts'
import { measuredSpan } from '../../../analysis/requests/offered.ts'
import { loadOverTime } from '../../../analysis/steady-state/over-time.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import type { Series, SeriesLine } from '../api-types.ts'

/** Stretches: about three requests each, within these. */
const [FEWEST_BINS, MOST_BINS] = [48, 160]
/** Gaps of more token events are taken of every k-th request. */
const MOST_EVENTS = 3_000_000

/** Counters that the overview draws, each summed (or the mean) over its tracks. */
const COUNTERS = [
  { name: 'waiting', unit: 'requests', where: "layer = 'engine' AND name = 'num_requests_waiting'", over: 'sum' },
  { name: 'running', unit: 'requests', where: "layer = 'engine' AND name = 'num_requests_running'", over: 'sum' },
  {
    name: 'KV cache',
    unit: 'ratio',
    where: "layer = 'engine' AND name IN ('kv_cache_usage_ratio', 'kv_cache_usage_perc', 'gpu_cache_usage_perc')",
    over: 'avg',
  },
  { name: 'GPU power', unit: 'W', where: "layer = 'gpu' AND unit = 'W'", over: 'sum' },
  { name: 'host power', unit: 'W', where: "layer = 'host' AND unit = 'W'", over: 'sum' },
  {
    name: 'engine CPU',
    unit: 'cores',
    where: "layer = 'host' AND name = 'cpu_cores' AND role = 'engine'",
    over: 'sum',
  },
  {
    name: 'CPU busy',
    unit: 'ratio',
    where: "layer = 'host' AND name = 'cpu_busy_ratio' AND device IS NULL",
    over: 'avg',
  },
] as const

/** The run on one time axis, in stretches of one length; null without any time. */
export async function overviewSeries(reader: RunReader, report: Report): Promise<Series> {
  const span = await measuredSpan(reader)
  if (span === null) return { from_ns: 0, bin_ns: 1, bins: 0, lines: [], outages: [], saturated_from_ns: null }
  const bins = Math.min(MOST_BINS, Math.max(FEWEST_BINS, Math.round(report.offered.requests / 3)))
  const binNs = (span.endNs - span.startNs) / bins
  const load = await loadOverTime(reader, span, bins)
  const lines: SeriesLine[] = [
    ...(report.run.loop === 'closed'
      ? []
      : [{ name: 'offered', unit: '1/s', values: load.map((bin) => bin.offered_per_s) }]),
    { name: 'done', unit: '1/s', values: load.map((bin) => bin.answered_per_s) },
    { name: 'in flight', unit: 'requests', values: load.map((bin) => bin.in_flight) },
    { name: 'output', unit: 'tokens/s', values: load.map((bin) => bin.output_tokens_per_s) },
    await gapLine(reader, span.startNs, span.endNs, bins),
    ...(await counterLines(reader, span.startNs, span.endNs, bins)),
  ]
  const outages = await reader.query(
    `SELECT s.t_ns AS a, s.t_ns + s.dur_ns AS b, coalesce(t.layer || ' ' || coalesce(t.device, t.process, t.name), '') AS what
      FROM slices s JOIN tracks t USING (track_id) WHERE s.category = 'gap' AND s.t_ns < ${span.endNs} AND s.t_ns + s.dur_ns > ${span.startNs} ORDER BY a LIMIT 200`,
  )
  const since = report.backlog?.since_s ?? null
  const saturated = report.backlog?.state === 'overloaded' && since !== null ? span.startNs + since * 1e9 : null
  return {
    from_ns: span.startNs,
    bin_ns: binNs,
    bins,
    lines: lines.filter(({ values }) => values.some((value) => value !== null)),
    outages: outages.map((row) => ({ from_ns: Number(row.a), to_ns: Number(row.b), what: String(row.what) })),
    saturated_from_ns: saturated,
  }
}

/** The 99 % quantile of the gaps that end in each stretch, where it has 20 or more; else the largest. */
async function gapLine(reader: RunReader, from: number, to: number, bins: number): Promise<SeriesLine> {
  const binNs = (to - from) / bins
  const [count] = await reader.query('SELECT count(*) AS n FROM chunks')
  const every = Math.max(1, Math.ceil(Number(count?.n ?? 0) / MOST_EVENTS))
  const rows = await reader.query(
    `WITH gaps AS (SELECT t_ns, t_ns - lag(t_ns) OVER (PARTITION BY request_id ORDER BY "index") AS gap FROM chunks
        WHERE kind IN ('content', 'reasoning', 'tool')${every === 1 ? '' : ` AND request_id % ${every} = 0`})
    SELECT least(${bins - 1}, floor((t_ns - ${from}) / ${binNs})) AS i, CASE WHEN count(*) >= 20 THEN quantile_disc(gap, 0.99) ELSE max(gap) END / 1e6 AS ms
    FROM gaps WHERE gap IS NOT NULL AND t_ns >= ${from} AND t_ns <= ${to} GROUP BY i`,
  )
  const values = new Array<number | null>(bins).fill(null)
  for (const row of rows) values[Number(row.i)] = Number(row.ms)
  return { name: every === 1 ? 'ITL p99' : `ITL p99 of 1 in ${every} requests`, unit: 'ms', values }
}

async function counterLines(reader: RunReader, from: number, to: number, bins: number): Promise<SeriesLine[]> {
  const binNs = (to - from) / bins
  const lines: SeriesLine[] = []
  for (const { name, unit, where, over } of COUNTERS) {
    const rows = await reader.query(
      `WITH chosen AS (SELECT track_id FROM (SELECT *, CASE WHEN json_valid(attrs) THEN attrs->>'role' END AS role FROM tracks) WHERE ${where}),
        means AS (SELECT track_id, least(${bins - 1}, floor((t_ns - ${from}) / ${binNs})) AS i, avg(value) AS value FROM counters SEMI JOIN chosen USING (track_id)
          WHERE t_ns >= ${from} AND t_ns <= ${to} GROUP BY ALL)
      SELECT i, ${over}(value) AS value FROM means WHERE value IS NOT NULL GROUP BY i`,
    )
    const values = new Array<number | null>(bins).fill(null)
    for (const row of rows) values[Number(row.i)] = Number(row.value)
    if (rows.length > 0) lines.push({ name, unit, values })
  }
  return lines
}

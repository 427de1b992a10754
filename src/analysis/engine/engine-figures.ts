import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import type { Span } from '../requests/offered.ts'
import { countOf, numberOf, oneRow, textOf } from '../rows.ts'

/** A gauge of the server over the pages of the measured span. */
export type GaugeFigures = { mean: number; max: number } | null

/** One series of the server's page: a figure of one rank, engine or replica. */
export interface EngineSeriesFigures {
  name: string
  /** `engine 0`, `dp 2, tp 2`. */
  process: string | null
  /** Labels that tell it apart beside its ranks. */
  device: string | null
  unit: string | null
  kind: 'gauge' | 'total'
  /** Samples with a value. */
  n: number
  /** Of a gauge, over the measured span. */
  mean: number | null
  max: number | null
  /** Of a total, over the whole run, counted on from zero where it restarted. */
  added: number | null
  restarts: number | null
}

/** What the server's page of metrics reported. Sums over replicas; of the shards of one, which work on the same requests, the most. */
export interface EngineFigures {
  /** Pages that gave a figure. */
  pages: number
  /** Requests in the engine, and in its queue. */
  running: GaugeFigures
  waiting: GaugeFigures
  /** Share of the KV cache in use: the mean over replicas, and the most of any. */
  kv_cache: GaugeFigures
  prompt_tokens: number | null
  cached_prompt_tokens: number | null
  generation_tokens: number | null
  /** Prefix cache hits over queries, in tokens; of a server that reports only the ratio, its mean. */
  prefix_hit_ratio: number | null
  preemptions: number | null
  finished_requests: number | null
  /** Means by the server's own histograms: sum added over count added. */
  queue_mean_ms: number | null
  ttft_mean_ms: number | null
  itl_mean_ms: number | null
  e2e_mean_ms: number | null
  /** Pages on which a total was below the page before: the server restarted, or several answer at one address. */
  restarts: number
  series: EngineSeriesFigures[]
  /** Series beyond those listed. */
  more_series: number
}

const MAX_SERIES = 200
/** A page asked for at the end of the span may be stamped this much later. */
const PAGE_NS = 0.5e9

const ENGINE = `(SELECT track_id, name, process, device, unit, attrs->>'kind' AS kind, coalesce(attrs->>'replica', attrs->>'labels', track_id::VARCHAR) AS replica
  FROM (SELECT * REPLACE (CASE WHEN json_valid(attrs) THEN attrs::JSON END AS attrs) FROM tracks WHERE layer = 'engine')
  WHERE attrs->>'kind' IN ('gauge', 'total') AND name <> 'values_rejected')`

/** What the server reported of itself; null for a run without its page of metrics. */
export async function engineFigures(reader: RunReader, span: Span | null): Promise<EngineFigures | null> {
  const inside = span === null ? 'true' : `c.t_ns BETWEEN ${span.startNs} AND ${span.endNs + PAGE_NS}`
  const series = await reader.query(
    `SELECT e.track_id, any_value(e.name) AS name, any_value(e.process) AS process, any_value(e.device) AS device, any_value(e.unit) AS unit,
      any_value(e.kind) AS kind, any_value(e.replica) AS replica, count(c.value) AS n, avg(c.value) FILTER (${inside}) AS mean,
      max(c.value) FILTER (${inside}) AS max, any_value(v.added) AS added, any_value(v.restarts) AS restarts
    FROM ${ENGINE} e JOIN counters c ON c.track_id = e.track_id LEFT JOIN v_totals v ON v.track_id = e.track_id
    GROUP BY e.track_id ORDER BY any_value(e.kind), 2, 3 NULLS FIRST, 4 NULLS FIRST, e.track_id`,
  )
  if (series.length === 0) return null
  const { pages } = await oneRow(
    reader,
    `SELECT count(DISTINCT c.t_ns) AS pages FROM ${ENGINE} e JOIN counters c ON c.track_id = e.track_id`,
  )
  const gauge = (name: string, over: 'sum' | 'avg') => gaugeOf(reader, name, over, inside)
  const added = (name: string) => addedOf(series, name)
  const over = (above: number | null, below: number | null): number | null =>
    above === null || below === null || below === 0 ? null : above / below
  const meanMs = (name: string) => {
    const seconds = over(added(`${name}_sum`), added(`${name}_count`))
    return seconds === null ? null : seconds * 1e3
  }
  return {
    pages: Number(pages),
    running: await gauge('num_requests_running', 'sum'),
    waiting: await gauge('num_requests_waiting', 'sum'),
    kv_cache: await gauge('kv_cache_usage_ratio', 'avg'),
    prompt_tokens: added('prompt_tokens_total'),
    cached_prompt_tokens: added('prompt_tokens_cached_total'),
    generation_tokens: added('generation_tokens_total'),
    prefix_hit_ratio:
      over(added('prefix_cache_hits_total'), added('prefix_cache_queries_total')) ??
      (await gauge('prefix_cache_hit_ratio', 'avg'))?.mean ??
      null,
    preemptions: added('num_preemptions_total'),
    finished_requests: added('request_success_total'),
    queue_mean_ms: meanMs('request_queue_time_seconds'),
    ttft_mean_ms: meanMs('time_to_first_token_seconds'),
    itl_mean_ms: meanMs('inter_token_latency_seconds'),
    e2e_mean_ms: meanMs('e2e_request_latency_seconds'),
    restarts: await restartsOf(reader),
    series: series.slice(0, MAX_SERIES).map((row) => ({
      name: String(row.name),
      process: textOf(row, 'process'),
      device: textOf(row, 'device'),
      unit: textOf(row, 'unit'),
      kind: row.kind as EngineSeriesFigures['kind'],
      n: countOf(row, 'n'),
      mean: row.kind === 'gauge' ? numberOf(row, 'mean') : null,
      max: row.kind === 'gauge' ? numberOf(row, 'max') : null,
      added: numberOf(row, 'added'),
      restarts: numberOf(row, 'restarts'),
    })),
    more_series: Math.max(0, series.length - MAX_SERIES),
  }
}

/** `max`: of the replicas' sum, or where they are averaged of any replica. */
async function gaugeOf(reader: RunReader, name: string, over: 'sum' | 'avg', inside: string): Promise<GaugeFigures> {
  const { mean, max } = await oneRow(
    reader,
    `SELECT avg(whole) AS mean, max(${over === 'sum' ? 'whole' : 'most'}) AS max FROM (SELECT ${over}(value) AS whole, max(value) AS most FROM (
      SELECT c.t_ns, e.replica, max(c.value) AS value FROM ${ENGINE} e JOIN counters c ON c.track_id = e.track_id
      WHERE e.name = '${name}' AND c.value IS NOT NULL AND ${inside} GROUP BY ALL) GROUP BY t_ns)`,
  )
  return mean === null || max === null ? null : { mean: Number(mean), max: Number(max) }
}

function addedOf(series: readonly SqlRow[], name: string): number | null {
  const byReplica = new Map<string, number>()
  for (const row of series) {
    const value = numberOf(row, 'added')
    if (row.name !== name || row.kind !== 'total' || value === null) continue
    const replica = String(row.replica)
    byReplica.set(replica, Math.max(value, byReplica.get(replica) ?? 0))
  }
  return byReplica.size === 0 ? null : [...byReplica.values()].reduce((sum, value) => sum + value, 0)
}

async function restartsOf(reader: RunReader): Promise<number> {
  const row = await oneRow(
    reader,
    `SELECT count(DISTINCT t_ns) AS restarts FROM (
      SELECT c.t_ns, c.value < lag(c.value) OVER (PARTITION BY c.track_id ORDER BY c.t_ns) AS fell
      FROM ${ENGINE} e JOIN counters c ON c.track_id = e.track_id WHERE e.kind = 'total' AND c.value IS NOT NULL) WHERE fell`,
  )
  return countOf(row, 'restarts')
}

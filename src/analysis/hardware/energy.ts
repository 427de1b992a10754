import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import type { Span } from '../requests/offered.ts'
import { countOf, numberOf, oneRow, textOf } from '../rows.ts'
import type { EnergyScope } from './energy-sources.ts'
import { energySql } from './energy-sql.ts'
import { type Horizon, LABELS, type Label } from './flights.ts'
import { resolutionNs } from './sensors.ts'
import {
  type Estimate,
  energyHalfWidth,
  estimate,
  powerNoise,
  repeatsNeeded,
  secondsNeeded,
  type TimeParts,
} from './uncertainty.ts'

export interface StageEnergy {
  /** Time of the stage within the measured span, s; a moment shared by several requests counts once. */
  seconds: number
  /** Where power is known. Sums over the stages to the whole. */
  energy_j: Estimate
  /** Energy less what the devices take when idle for as long; null where no idle power was seen. */
  above_idle_j: Estimate | null
  mean_w: number | null
  /** Long enough for its sensor, and the interval not wider than the figure. */
  resolved: boolean
}

/** Energy of answered requests of one size, per request. */
export interface SizeEnergy {
  size: number | null
  requests: number
  /** Null where their time together is too short for the sensor. */
  j_per_request: Estimate | null
  j_per_output_token: number | null
}

/** One of the first answered requests. */
export interface RequestEnergy {
  request_id: number
  prompt_id: string | null
  energy_j: Estimate
  prefill_j: number | null
  decode_j: number | null
  /** Others were in flight beside it: its part of the energy is modelled, not measured. */
  modelled: boolean
}

export interface PerRequestEnergy {
  /** Answered requests, and those over whose whole time power is known. */
  requests: number
  covered: number
  /** Those whose prompt, over all its passes, took ten resolutions of the sensor or more. */
  resolved: number
  /** Over those, and the least and most of their prompts; null where there is none. */
  mean_j: Estimate | null
  min_j: number | null
  max_j: number | null
  /** `--repeat` from which every prompt would be; null where all are. */
  repeat_needed: number | null
}

export interface TokenEnergy {
  /** Prefill over tokens that were not cached, decode over tokens after the first. Null: too short for the sensor, or tokens not known. */
  prefill_j_per_token: Estimate | null
  decode_j_per_token: Estimate | null
  /** Energy of the answered requests over their output tokens, and the other way about. */
  j_per_output_token: Estimate | null
  output_tokens_per_j: Estimate | null
  /** The whole span's energy, idle time and failed requests too, over the same tokens. */
  j_per_output_token_with_idle: number | null
}

/** Energy of all devices of a kind together. */
export interface Energy {
  scope: 'gpu' | 'host'
  /** Tracks it was taken from: name, device, how. */
  sources: { host: string | null; device: string | null; name: string; kind: 'gauge' | 'delta' | 'counter' }[]
  /** The finest time resolution, ms; stages shorter than ten of these are refused. */
  resolution_ms: number
  /** Share of the measured span in which power is known. */
  covered_share: number
  whole_j: Estimate
  /**
   * Power with nothing in flight, all devices together, from stretches of the whole run, pre- and post-roll too, that no request reaches;
   * null where they are shorter than the sensor's window.
   */
  idle_w: Estimate | null
  idle_seconds: number
  stages: Record<Label, StageEnergy>
  /** Share of the requests' energy that was taken while several were in flight: split evenly among them, hence modelled. */
  modelled_share: number | null
  per_request: PerRequestEnergy
  tokens: TokenEnergy
  by_size: SizeEnergy[]
  requests: RequestEnergy[]
}

const MAX_SIZES = 24

/** Null where no moment of the span has a known power. */
export async function energyOf(
  reader: RunReader,
  { scope, sources }: EnergyScope,
  span: Span,
  horizon: Horizon,
  requestLines: number,
): Promise<Energy | null> {
  const reachNs = Math.max(
    ...sources.map(
      ({ sensor }) => (sensor.window_ns ?? sensor.period_ns) + Math.max(sensor.update_ns, sensor.period_ns),
    ),
  )
  const ctes = energySql(sources, horizon, span, reachNs)
  const { totals, noise } = await totalsOf(reader, ctes, span, sources)
  const sum = (column: string) => totals.devices.reduce((all, row) => all + countOf(row, column), 0)
  const covered = sum('on')
  if (covered === 0) return null
  const spanSeconds = (span.endNs - span.startNs) / 1e9
  const needed = secondsNeeded(sources)
  const half = (parts: TimeParts) => energyHalfWidth(noise, parts)
  const idleSeconds = sum('quiet_s')
  const idleParts = { deviceSeconds: idleSeconds, seconds: idleSeconds / sources.length, edges: 0, edgeSquares: 0 }
  // A sensor's value is a mean over its window: a shorter quiet stretch was never seen by it.
  const tooShort = idleSeconds / sources.length < baselineSeconds(sources)
  const idleW = tooShort ? null : (sum('quiet_e') / idleSeconds) * sources.length
  const idleHalf = idleSeconds === 0 ? 0 : (half(idleParts) / idleSeconds) * sources.length
  const stage = (label: Label): StageEnergy => {
    const deviceSeconds = sum(`${label}_s`)
    const seconds = deviceSeconds / sources.length
    const value = sum(`${label}_e`)
    const width = half({
      deviceSeconds,
      seconds,
      edges: countOf(totals.edges, `${label}_edges`),
      edgeSquares: countOf(totals.edges, `${label}_squares`),
    })
    // Calibration is the same in both: it is taken off once.
    const idleRandom = Math.max(0, idleHalf - noise.accuracyW * sources.length)
    return {
      seconds,
      energy_j: estimate(value, width),
      above_idle_j:
        idleW === null
          ? null
          : {
              value: value - idleW * seconds,
              low: value - idleW * seconds - width - idleRandom * seconds,
              high: value - idleW * seconds + width + idleRandom * seconds,
            },
      mean_w: seconds > 0 ? value / seconds : null,
      resolved: seconds >= needed && width <= value,
    }
  }
  const stages = Object.fromEntries(LABELS.map((label) => [label, stage(label)])) as Record<Label, StageEnergy>
  const wholeE = sum('e')
  const inFlightE = wholeE - stages.idle.energy_j.value
  const whole = estimate(
    wholeE,
    half({ deviceSeconds: covered, seconds: covered / sources.length, edges: 2, edgeSquares: 2 }),
  )
  return {
    scope,
    sources: sources.map(({ sensor: { host, device, name }, kind }) => ({ host, device, name, kind })),
    resolution_ms: Math.max(...sources.map(({ sensor }) => resolutionNs(sensor))) / 1e6,
    covered_share: Math.min(1, covered / sources.length / spanSeconds),
    whole_j: whole,
    idle_w: idleW === null ? null : estimate(idleW, idleHalf),
    idle_seconds: idleSeconds / sources.length,
    stages,
    modelled_share: inFlightE > 0 ? sum('shared_e') / inFlightE : null,
    ...(await requestFigures(reader, ctes, {
      devices: sources.length,
      needed,
      half,
      whole: wholeE,
      lines: requestLines,
    })),
  }
}

/** The shortest quiet time that makes a baseline, s: what the slowest of the sensors means over, and looks at once. */
function baselineSeconds(sources: EnergyScope['sources']): number {
  const windows = sources.map(({ sensor }) => Math.max(sensor.window_ns ?? 0, sensor.update_ns, sensor.period_ns))
  return Math.max(...windows) / 1e9
}

async function totalsOf(reader: RunReader, ctes: string, { startNs, endNs }: Span, sources: EnergyScope['sources']) {
  const parts = LABELS.map(
    (label) => `sum(e * ${label}) FILTER (inside) AS ${label}_e, sum("on" * ${label}) FILTER (inside) AS ${label}_s`,
  )
  const devices = await reader.query(
    `${ctes}, moved AS (SELECT dev, p0, p0 - lag(p0) OVER (PARTITION BY dev ORDER BY t0) AS d FROM pieces WHERE t1 > ${startNs} AND t0 < ${endNs}),
      noise AS (SELECT dev, quantile_cont(p0, 0.95) - quantile_cont(p0, 0.05) AS swing, sqrt(avg(d * d) / 2) AS deviation FROM moved GROUP BY dev)
    SELECT s.dev, sum(e) FILTER (inside) AS e, sum("on") FILTER (inside) AS "on", ${parts.join(', ')}, sum(e) FILTER (inside AND n > 1) AS shared_e,
      sum(e) FILTER (quiet) AS quiet_e, sum("on") FILTER (quiet) AS quiet_s, any_value(m.swing) AS swing, any_value(m.deviation) AS deviation
    FROM segments s LEFT JOIN noise m ON m.dev = s.dev GROUP BY s.dev ORDER BY s.dev`,
  )
  const edges = await oneRow(
    reader,
    `${ctes}, steps AS (SELECT t, ${LABELS.map((label) => `${label} - lag(${label}) OVER (ORDER BY t) AS ${label}`).join(', ')} FROM flow)
    SELECT ${LABELS.map((label) => `sum(abs(${label})) AS ${label}_edges, sum(${label} * ${label}) AS ${label}_squares`).join(', ')}
    FROM steps WHERE t BETWEEN ${startNs} AND ${endNs}`,
  )
  const noise = powerNoise(
    sources,
    devices.map((row) => ({ swingW: countOf(row, 'swing'), deviationW: countOf(row, 'deviation') })),
  )
  return { totals: { devices, edges }, noise }
}

interface RequestContext {
  devices: number
  /** s */
  needed: number
  half: (parts: TimeParts) => number
  whole: number
  lines: number
}

/** Sums over answered requests that are covered; a group's requests stand in a row, each with two edges as high as its share of the moment. */
const GROUP = `count(*) AS n, sum(s) AS s, sum(own_s) AS own_s, sum(e) AS e, sum(e) FILTER (output_tokens > 0) AS out_e,
  sum(own_s) FILTER (output_tokens > 0) AS out_s, sum(output_tokens) AS out_tokens, count(*) FILTER (output_tokens > 0) AS out_n`

async function requestFigures(reader: RunReader, ctes: string, context: RequestContext) {
  const rows = await reader.query(
    `${ctes}, known AS (SELECT *, own_s < s * (1 - 1e-9) AS shared, coalesce(prompt_id, '#' || request_id) AS prompt FROM owed WHERE covered),
      prompts AS (SELECT prompt, count(*) AS k, sum(s) AS s, sum(own_s) AS own_s, sum(e) AS e, sum(s) >= ${context.needed} AS ok FROM known GROUP BY prompt),
      sizes AS (SELECT *, count(DISTINCT size) OVER () > ${MAX_SIZES} AND size >= 1 AS many FROM known)
    SELECT 'all' AS what, (SELECT count(*) FROM owed) AS asked, ${GROUP},
      sum(e_prefill) FILTER (new_tokens > 0) AS p_e, sum(own_s_prefill) FILTER (new_tokens > 0 AND e_prefill IS NOT NULL) AS p_s,
      sum(s_prefill) FILTER (new_tokens > 0) AS p_whole_s, sum(new_tokens) FILTER (new_tokens > 0 AND e_prefill IS NOT NULL) AS p_tokens, count(e_prefill) FILTER (new_tokens > 0) AS p_n,
      sum(e_decode) FILTER (output_tokens > 1) AS d_e, sum(own_s_decode) FILTER (output_tokens > 1 AND e_decode IS NOT NULL) AS d_s,
      sum(s_decode) FILTER (output_tokens > 1) AS d_whole_s, sum(output_tokens - 1) FILTER (output_tokens > 1 AND e_decode IS NOT NULL) AS d_tokens,
      count(e_decode) FILTER (output_tokens > 1) AS d_n FROM known
    UNION ALL BY NAME SELECT 'prompts' AS what, sum(k) FILTER (ok) AS n, sum(s) FILTER (ok) AS s, sum(own_s) FILTER (ok) AS own_s, sum(e) FILTER (ok) AS e,
      min(e / k) FILTER (ok) AS least, max(e / k) FILTER (ok) AS most, (SELECT min(s) FROM known WHERE prompt IN (SELECT prompt FROM prompts WHERE NOT ok)) AS shortest FROM prompts
    UNION ALL BY NAME SELECT 'size' AS what, CASE WHEN many THEN pow(2, floor(log2(size))) ELSE size END AS size, ${GROUP} FROM sizes GROUP BY ALL
    UNION ALL BY NAME (SELECT 'request' AS what, request_id, prompt_id, b, s, own_s, e, e_prefill AS p_e, e_decode AS d_e, shared FROM known WHERE s >= ${context.needed}
      ORDER BY b, request_id LIMIT ${context.lines})
    ORDER BY what, size NULLS LAST, b, request_id`,
  )
  const of = (what: string) => rows.filter((row) => row.what === what)
  const [all = {}] = of('all')
  return {
    per_request: perRequest(all, of('prompts')[0] ?? {}, context),
    tokens: perToken(all, context),
    by_size: of('size')
      .slice(0, 64)
      .map((row) => sizeEnergy(row, context)),
    requests: of('request').map((row) => ({
      request_id: countOf(row, 'request_id'),
      prompt_id: textOf(row, 'prompt_id'),
      energy_j: estimate(
        countOf(row, 'e'),
        context.half(partsOf(context.devices, 1, countOf(row, 's'), countOf(row, 'own_s'))),
      ),
      prefill_j: numberOf(row, 'p_e'),
      decode_j: numberOf(row, 'd_e'),
      modelled: row.shared === true,
    })),
  }
}

/** k requests that took `seconds`, `own` of them theirs after sharing. */
function partsOf(devices: number, k: number, seconds: number, own: number): TimeParts {
  const share = seconds > 0 ? own / seconds : 0
  return { deviceSeconds: devices * own, seconds: own, edges: 2 * k * share, edgeSquares: 2 * k * share * share }
}

/** An energy over a number of things; null where it is too short for the sensor, or its interval wider than itself. */
function ratio(
  e: number,
  over: number,
  seconds: number,
  own: number,
  k: number,
  { devices, needed, half }: RequestContext,
): Estimate | null {
  const width = half(partsOf(devices, k, seconds, own))
  return over > 0 && seconds >= needed && width <= e ? estimate(e / over, width / over) : null
}

function perRequest(all: SqlRow, prompts: SqlRow, context: RequestContext): PerRequestEnergy {
  const n = countOf(prompts, 'n')
  const shortest = numberOf(prompts, 'shortest')
  const mean = ratio(countOf(prompts, 'e'), n, countOf(prompts, 's'), countOf(prompts, 'own_s'), n, context)
  return {
    requests: countOf(all, 'asked'),
    covered: countOf(all, 'n'),
    resolved: n,
    mean_j: mean,
    min_j: mean === null ? null : numberOf(prompts, 'least'),
    max_j: mean === null ? null : numberOf(prompts, 'most'),
    repeat_needed: shortest === null ? null : repeatsNeeded(context.needed, shortest),
  }
}

function perToken(all: SqlRow, context: RequestContext): TokenEnergy {
  const of = (e: string, over: string, seconds: string, own: string, k: string) =>
    ratio(countOf(all, e), countOf(all, over), countOf(all, seconds), countOf(all, own), countOf(all, k), context)
  const out = of('out_e', 'out_tokens', 's', 'out_s', 'out_n')
  const tokens = countOf(all, 'out_tokens')
  return {
    prefill_j_per_token: of('p_e', 'p_tokens', 'p_whole_s', 'p_s', 'p_n'),
    decode_j_per_token: of('d_e', 'd_tokens', 'd_whole_s', 'd_s', 'd_n'),
    j_per_output_token: out,
    output_tokens_per_j:
      out === null || out.low <= 0 ? null : { value: 1 / out.value, low: 1 / out.high, high: 1 / out.low },
    j_per_output_token_with_idle:
      tokens > 0 && countOf(all, 'n') === countOf(all, 'asked') ? context.whole / tokens : null,
  }
}

function sizeEnergy(row: SqlRow, context: RequestContext): SizeEnergy {
  const n = countOf(row, 'n')
  const perOne = ratio(countOf(row, 'e'), n, countOf(row, 's'), countOf(row, 'own_s'), n, context)
  const tokens = countOf(row, 'out_tokens')
  return {
    size: numberOf(row, 'size'),
    requests: n,
    j_per_request: perOne,
    j_per_output_token: perOne === null || tokens === 0 ? null : countOf(row, 'out_e') / tokens,
  }
}

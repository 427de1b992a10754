import { LayerlineError } from '../../base/errors.ts'
import { E2E_NS, GAPS, TTFT_NS } from '../populations.ts'

/** One limit on a latency of each request: met where the value is at most `limit_ms`. */
export interface SloLimit {
  readonly metric: string
  readonly limit_ms: number
}

const MS_OF: Readonly<Record<string, number>> = { us: 1e-3, µs: 1e-3, ms: 1, s: 1e3 }
const GAP_QUANTILE = /^itl_p(\d{1,2}(?:\.\d{1,2})?)$/
const NAMES = 'ttft, itl, itl_pNN, tpot, e2e, due_ttft, due_e2e'

/**
 * A latency of one request, ns, in SQL over a row `r` of requests; NULL where it is not known. An answer without gaps
 * (one event, or one token) has gaps and TPOT of 0: there was no wait between tokens.
 */
const VALUES: Readonly<Record<string, string>> = {
  ttft: TTFT_NS,
  due_ttft: 'r.first_token_ns - r.scheduled_ns',
  e2e: E2E_NS,
  due_e2e: 'r.end_ns - r.scheduled_ns',
  itl: 'CASE WHEN r.last_token_ns = r.first_token_ns THEN 0 ELSE r.max_gap_ns END',
  tpot: 'CASE WHEN r.output_tokens < 2 THEN 0 ELSE (r.last_token_ns - r.first_token_ns) / (r.output_tokens - 1) END',
}

/**
 * Reads `ttft=500ms,itl=50ms`: a latency, at most so much; units us, ms and s. Throws `usage/slo`.
 *
 * A request meets `itl` when its longest gap does, `itl_p99` when the 99 % quantile of its own gaps does (the order
 * statistic of rank ceil(n p)); `due_…` count from when it was due, so that waiting in the client counts too.
 */
export function parseSlo(text: string): SloLimit[] {
  const limits = text.split(',').map((part): SloLimit => {
    const [, metric = '', number = '', unit = ''] =
      /^\s*([a-z_0-9.]+)\s*=\s*([0-9.]+)\s*([a-zµ]*)\s*$/i.exec(part) ?? []
    const value = Number(number)
    const perUnit = MS_OF[unit]
    if (metric === '' || number === '' || !Number.isFinite(value) || perUnit === undefined) {
      throw wrongSlo(part.trim(), 'expected a latency and a limit with its unit, like ttft=500ms or e2e=10s')
    }
    const [, over, percent] = /^(\w+?)_p(\d+(?:\.\d+)?)$/.exec(metric) ?? []
    if (over !== undefined && over !== 'itl' && isMetric(over) && Number(percent) > 0 && Number(percent) < 100) {
      throw wrongSlo(
        part.trim(),
        'a limit is of each request; how many of them are to keep it is the attainment',
        `write --slo ${over}=${number}${unit} --attainment ${percent}%; without --attainment, the report says which share keeps it`,
      )
    }
    if (!isMetric(metric)) throw wrongSlo(part.trim(), `no such latency; expected one of ${NAMES}`)
    if (value <= 0) throw wrongSlo(part.trim(), 'expected a limit above 0')
    return { metric, limit_ms: value * perUnit }
  })
  const twice = limits.find(({ metric }, i) => limits.findIndex((other) => other.metric === metric) !== i)
  if (twice !== undefined) throw wrongSlo(text, `${twice.metric} is there twice`)
  return limits
}

function isMetric(metric: string): boolean {
  return Object.hasOwn(VALUES, metric) || Number(GAP_QUANTILE.exec(metric)?.[1]) > 0
}

function wrongSlo(
  part: string,
  expected: string,
  hint = 'for example --slo ttft=500ms,itl=50ms; what each means: docs/metrics.md',
): LayerlineError {
  return new LayerlineError('usage/slo', `--slo "${part}": ${expected}`, { hint })
}

/** `ttft <= 500 ms`, in words that a reader of a report needs. */
export function limitText({ metric, limit_ms }: SloLimit): string {
  return limit_ms >= 1000 ? `${metric} ≤ ${limit_ms / 1000} s` : `${metric} ≤ ${limit_ms} ms`
}

/**
 * A SELECT of the rows of `source` (rows of requests) with a column `met`, and `met_0`, … for each limit: true, false,
 * or NULL where an answered request's value is not known. A request that was not answered meets nothing.
 */
export function judgedRequests(source: string, limits: readonly SloLimit[]): string {
  const quantiles = limits.flatMap(({ metric }, i) => {
    const p = GAP_QUANTILE.exec(metric)?.[1]
    return p === undefined ? [] : [{ column: `q${i}`, fraction: Number(p) / 100 - 1e-12 }]
  })
  const gaps =
    quantiles.length === 0
      ? ''
      : `LEFT JOIN (SELECT request_id, ${quantiles.map(({ column, fraction }) => `quantile_disc(gap_ns, ${fraction}::DOUBLE) AS ${column}`).join(', ')}
          FROM ${GAPS} GROUP BY request_id) g ON g.request_id = r.request_id`
  const value = ({ metric }: SloLimit, i: number) =>
    VALUES[metric] ?? `CASE WHEN r.last_token_ns = r.first_token_ns THEN 0 ELSE g.q${i} END`
  // A hundredth of a nanosecond: what dividing and multiplying by 1e6 may add.
  const columns = limits.map(
    (limit, i) => `(r.status = 'ok' AND (${value(limit, i)}) <= ${limit.limit_ms * 1e6 + 0.01}::DOUBLE) AS met_${i}`,
  )
  const all = limits.map((_, i) => `coalesce(met_${i}, false)`).join(' AND ')
  return `SELECT *, (${all}) AS met FROM (SELECT r.*, ${columns.join(', ')} FROM ${source} r ${gaps})`
}

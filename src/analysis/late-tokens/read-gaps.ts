import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import type { GapFigures } from '../latency/gap-distributions.ts'
import { IS_TOKEN_EVENT, TIMED } from '../populations.ts'
import { countOf, numberOf } from '../rows.ts'
import { signalColumns, signalCtes } from './signal-sql.ts'
import type { TokenGap } from './token-gap.ts'

/** How many late tokens are examined, the longest; and how many on-time tokens they are compared with. */
const MOST_GAPS = 2000
/** Fewer gaps than this do not show what is usual. */
const LEAST_GAPS = 100
/** Late: at least twice the median, beyond the spread that most gaps have, and by more than clocks and polls blur. */
const LATE_FACTOR = 2
const LATE_SPREADS = 5
const LATE_LEAST_NS = 1e6
/** The median of absolute deviations of a normal distribution is its standard deviation over this. */
const SPREAD_OF_MAD = 1.4826
/** On time: from half the median, which events that catch up fall short of, to this. */
const SHORT = 0.5
const ON_TIME = 1.25
/** An on-time token this close to a late one shares its samples, and so its cause. */
const APART_NS = 250e6
/** So many events after it that come at once and end the answer are all there was to make: how early, nothing came after to tell. */
const LEAST_LAST = 2
/** With fewer on-time tokens than this away from late ones, all are used. */
const LEAST_APART = 100

export interface ReadGaps {
  readonly medianNs: number
  readonly lateFromNs: number
  readonly tokens: number
  readonly lateTokens: number
  readonly late: TokenGap[]
  readonly onTime: TokenGap[]
}

/** Gaps before each token event of the requests that figures speak of. */
const ALL_GAPS = `SELECT c.request_id, c."index" AS i, c.t_ns AS b, c.late_ns, lag(c.t_ns) OVER each AS a,
    c.t_ns - lag(c.t_ns) OVER each AS gap
  FROM chunks c SEMI JOIN ${TIMED} t ON t.request_id = c.request_id WHERE ${IS_TOKEN_EVENT}
  WINDOW each AS (PARTITION BY c.request_id ORDER BY c."index")`

/** Null for a run with too few gaps. What is held here does not grow with the run. */
export async function readGaps(reader: RunReader, usual: GapFigures['usual']): Promise<ReadGaps | null> {
  // Where several events come in one read, gaps are those of reads: none is usual for tokens.
  if (usual === null || usual.medianNs === 0 || usual.gaps < LEAST_GAPS) return null
  const { medianNs, madNs, gaps } = usual
  const lateFromNs = Math.max(
    LATE_FACTOR * medianNs,
    medianNs + LATE_SPREADS * SPREAD_OF_MAD * madNs,
    medianNs + LATE_LEAST_NS,
  )
  const rows = await reader.query(chosenSql(medianNs, lateFromNs))
  return {
    medianNs,
    lateFromNs,
    tokens: gaps,
    lateTokens: countOf(rows[0] ?? {}, 'late_tokens'),
    late: rows.filter(({ late }) => late === true).map(gapOf),
    onTime: rows.filter(({ late }) => late !== true).map(gapOf),
  }
}

function chosenSql(medianNs: number, lateFromNs: number): string {
  return `WITH ${chosenCtes(medianNs, lateFromNs)}, ${besideCtes()}, ${signalCtes('chosen')}
    SELECT c.*, b.beside, b.prefill_ns, b.prefill_tokens, s.* EXCLUDE (gap_id)
    FROM chosen c JOIN beside b USING (gap_id) JOIN signals s USING (gap_id) ORDER BY c.b - c.a DESC, c.request_id, c.i`
}

/** `chosen`: one row per gap that is examined. */
export function chosenCtes(medianNs: number, lateFromNs: number): string {
  return `g AS MATERIALIZED (SELECT *, sum(CASE WHEN gap < ${SHORT * medianNs} THEN 0 ELSE 1 END) OVER (PARTITION BY request_id ORDER BY i) AS run FROM (${ALL_GAPS})),
    followed AS (SELECT *, count(*) OVER each - 1 AS after, sum(CASE WHEN gap < ${SHORT * medianNs} THEN ${medianNs} - gap ELSE 0 END) OVER each AS short_ns,
      run = max(run) OVER (PARTITION BY request_id) AS is_last FROM g WINDOW each AS (PARTITION BY request_id, run)),
    caught AS (SELECT * EXCLUDE (after, short_ns, is_last), CASE WHEN is_last AND after >= ${LEAST_LAST} THEN greatest(short_ns, gap - ${medianNs}) ELSE short_ns END AS caught_ns,
      CASE WHEN is_last THEN gap ELSE short_ns + ${SHORT * medianNs} END AS caught_most_ns FROM followed),
    late AS MATERIALIZED (SELECT *, TRUE AS late FROM caught WHERE gap > ${lateFromNs}),
    in_time AS (SELECT *, FALSE AS late FROM caught WHERE gap BETWEEN ${SHORT * medianNs} AND ${ON_TIME * medianNs} ORDER BY hash(request_id, i), request_id, i LIMIT ${10 * MOST_GAPS}),
    reaches AS (SELECT a, max(b) OVER (ORDER BY a ROWS UNBOUNDED PRECEDING) AS reach FROM late),
    placed AS MATERIALIZED (SELECT o.*, coalesce(r.reach > o.a - ${APART_NS}, FALSE) AS near_late
      FROM in_time o ASOF LEFT JOIN reaches r ON o.b + ${APART_NS} > r.a),
    apart AS (SELECT count(*) FILTER (NOT near_late) AS apart FROM placed),
    looked AS (FROM (SELECT *, FALSE AS near_late FROM late ORDER BY gap DESC, request_id, i LIMIT ${MOST_GAPS}) UNION ALL BY NAME
      FROM (SELECT p.* FROM placed p, apart WHERE NOT near_late OR apart < ${LEAST_APART} ORDER BY near_late, hash(request_id, i), request_id, i LIMIT ${MOST_GAPS})),
    chosen AS MATERIALIZED (SELECT (request_id::BIGINT << 32) + i AS gap_id, *, (SELECT count(*) FROM late) AS late_tokens FROM looked)`
}

/**
 * Other requests within a gap, and their prompts: their prefill is spread evenly from send to first token, since only
 * the engine knows more.
 */
function besideCtes(): string {
  const until = 'coalesce(r.first_token_ns, r.end_ns)'
  const shared = `greatest(0, least(c.b, ${until}) - greatest(c.a, r.sent_ns))`
  return `beside AS (SELECT c.gap_id, count(r.request_id) AS beside, coalesce(max(${shared}), 0) AS prefill_ns,
        coalesce(sum((r.input_tokens - coalesce(r.cached_tokens, 0)) * ${shared} / nullif(${until} - r.sent_ns, 0)), 0) AS prefill_tokens
      FROM chosen c LEFT JOIN requests r ON r.sent_ns < c.b AND r.end_ns > c.a AND r.request_id <> c.request_id GROUP BY c.gap_id)`
}

function gapOf(row: SqlRow): TokenGap {
  const signals = Object.fromEntries(signalColumns.map((name) => [name, numberOf(row, name)]))
  return {
    requestId: countOf(row, 'request_id'),
    index: countOf(row, 'i'),
    fromNs: countOf(row, 'a'),
    toNs: countOf(row, 'b'),
    beside: countOf(row, 'beside'),
    stampLateNs: countOf(row, 'late_ns'),
    caughtUpNs: countOf(row, 'caught_ns'),
    caughtUpMostNs: countOf(row, 'caught_most_ns'),
    prefillNs: countOf(row, 'prefill_ns'),
    prefillTokens: countOf(row, 'prefill_tokens'),
    ...(signals as Record<(typeof signalColumns)[number], number | null>),
  }
}

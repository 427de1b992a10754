/** What is read of the sampled tracks and of the engine's steps for each gap, named as in TokenGap. */
export const signalColumns = [
  'stoppedNs',
  'throttledNs',
  'stolenNs',
  'majorFaults',
  'diskNs',
  'cpuWaitNs',
  'countedPreemptions',
  'promptStepsNs',
  'recomputeNs',
  'preemptions',
] as const

/** The kernel's view is read every 100 ms and omits what did not change: a sample covers no more time than this. */
const OS_SAMPLE_NS = 100e6

const ROLE = "CASE WHEN json_valid(t.attrs) THEN json_extract_string(t.attrs, '$.role') END"
const KIND = "CASE WHEN json_valid(t.attrs) THEN json_extract_string(t.attrs, '$.kind') END"

/**
 * Tracks by what they stand for. `whole`: what the source tells only once it is over, so that samples count in whole. `any`: of several
 * threads, the time of the gap in which one at least did it.
 */
const SIGNALS: readonly { signal: string; where: string; whole?: boolean; over: 'max' | 'sum' | 'any' }[] = [
  {
    signal: 'stoppedNs',
    where: `layer = 'host' AND name = 'stopped_processes' AND role = 'engine'`,
    whole: true,
    over: 'max',
  },
  { signal: 'throttledNs', where: `layer = 'host' AND name = 'cgroup_throttled_ns'`, whole: true, over: 'max' },
  { signal: 'stolenNs', where: `layer = 'host' AND name = 'cpu_steal_ratio' AND device IS NULL`, over: 'max' },
  {
    signal: 'majorFaults',
    where: `layer = 'host' AND name = 'major_faults' AND role = 'engine'`,
    whole: true,
    over: 'sum',
  },
  { signal: 'diskNs', where: `layer = 'host' AND name = 'disk_busy_ratio'`, whole: true, over: 'max' },
  {
    signal: 'cpuWaitHost',
    where: `layer = 'host' AND name = 'run_queue_wait_any_ns' AND role = 'engine'`,
    over: 'max',
  },
  { signal: 'cpuWaitOs', where: `layer = 'os' AND name = 'run_queue_wait_ns' AND thread IS NOT NULL`, over: 'any' },
  {
    signal: 'countedPreemptions',
    where: `layer = 'engine' AND name = 'num_preemptions_total'`,
    whole: true,
    over: 'sum',
  },
]

/**
 * CTEs after one named `gaps` with gap_id, request_id, a and b: `signals`, one row per gap. A sample's value is spread
 * over the time since the one before: what was added, or a level times that time.
 */
export function signalCtes(gaps: string): string {
  const columns = SIGNALS.map(({ signal, whole, over }) => {
    const of = `FILTER (signal = '${signal}')`
    const total = over === 'any' ? anyInside(of) : `${over}(${whole ? 'around' : 'inside'}) ${of}`
    return `${total} AS ${signal}`
  })
  const zeros = SIGNALS.map(
    ({ signal }) =>
      `CASE WHEN EXISTS (SELECT 1 FROM wanted WHERE signal = '${signal}') THEN coalesce(m.${signal}, 0) END`,
  )
  const [stopped, throttled, stolen, faults, disk, waitHost, waitOs, preemptions] = zeros
  return `${NAMED_TRACKS},
    wanted AS MATERIALIZED (SELECT track_id, layer, kind, CASE ${SIGNALS.map(({ signal, where }) => `WHEN ${where} THEN '${signal}'`).join(' ')} END AS signal
      FROM named WHERE ${SIGNALS.map(({ where }) => `(${where})`).join(' OR ')}),
    ${sampleCtes(gaps, 'signal')},
    measured AS (SELECT gap_id, ${columns.join(', ')} FROM touched JOIN (SELECT gap_id, b - a AS length FROM ${gaps}) USING (gap_id) GROUP BY gap_id),
    ${stepCtes(gaps)},
    signals AS (SELECT c.gap_id, ${stopped} AS stoppedNs, ${throttled} AS throttledNs, ${stolen} AS stolenNs, ${faults} AS majorFaults, ${disk} AS diskNs,
        coalesce(${waitHost}, ${waitOs}) AS cpuWaitNs, ${preemptions} AS countedPreemptions, e.* EXCLUDE (gap_id)
      FROM ${gaps} c LEFT JOIN measured m USING (gap_id) JOIN of_steps e USING (gap_id))`
}

/**
 * Of a gap, the time in which at least one track had its state, were they independent of one another: threads of an engine wait for one
 * another at barriers, so that what one lacks all lack, and which thread does the work changes.
 */
function anyInside(filter: string): string {
  return `any_value(length) * (1 - exp(sum(ln(greatest(1e-6, 1 - inside / length))) ${filter}))`
}

/** Gaps and samples meet by bins of half a second, in the first that both lie in: a join of ranges alone takes minutes. */
function bin(ns: string): string {
  return `floor((${ns}) / 5e8)::BIGINT`
}

/** `named`: tracks with the role and kind that their attributes name. */
export const NAMED_TRACKS = `named AS (SELECT t.*, ${ROLE} AS role, ${KIND} AS kind FROM tracks t)`

/** By the ns of a sample: what was added is spread over it, a level holds through it, a total has grown by the difference. */
const SAMPLE_RATE = `CASE WHEN kind IN ('gauge', 'mean') THEN value WHEN kind = 'total' THEN greatest(0, value - before) / (b - a) ELSE value / (b - a) END`

/**
 * CTEs after `wanted` (track_id, layer, kind and `label`): `touched`, for each gap and track what of its samples lies `inside` the
 * gap, and what they hold in whole, `around` it.
 */
export function sampleCtes(gaps: string, label: string): string {
  return `samples AS MATERIALIZED (SELECT track_id, ${label}, ${SAMPLE_RATE} AS rate, a, b FROM (SELECT w.*, c.value, c.t_ns AS b,
        CASE WHEN w.layer = 'os' THEN greatest(coalesce(lag(c.t_ns) OVER each, 0), c.t_ns - ${OS_SAMPLE_NS}) ELSE lag(c.t_ns) OVER each END AS a,
        lag(c.value) OVER each AS before
      FROM counters c JOIN wanted w USING (track_id) WHERE c.value IS NOT NULL WINDOW each AS (PARTITION BY c.track_id ORDER BY c.t_ns)) WHERE b > a),
    gap_bins AS (SELECT gap_id, a, b, unnest(range(${bin('a')}, ${bin('b')} + 1)) AS bin FROM ${gaps}),
    sample_bins AS (SELECT * FROM (SELECT *, unnest(range(${bin('a')}, ${bin('b')} + 1)) AS bin FROM samples) SEMI JOIN (SELECT DISTINCT bin FROM gap_bins) USING (bin)),
    touched AS (SELECT c.gap_id, s.${label}, s.track_id, sum(s.rate * (least(s.b, c.b) - greatest(s.a, c.a))) AS inside, sum(s.rate * (s.b - s.a)) AS around
      FROM gap_bins c JOIN sample_bins s ON s.bin = c.bin AND s.bin = ${bin('greatest(s.a, c.a)')} WHERE s.a < c.b AND s.b > c.a GROUP BY ALL)`
}

/**
 * Of the engine's log: how long its steps with prompts were beyond usual ones, and of requests that had begun already.
 * A preemption belongs to the gap in which the request is run again: the token before it may arrive after it.
 */
function stepCtes(gaps: string): string {
  const logged = `EXISTS (SELECT 1 FROM slices WHERE category = 'step')`
  const beyond = 'greatest(0, least(s.e, c.b) - greatest(s.t, c.a) - s.usual)'
  return `again AS (SELECT DISTINCT s.step_id FROM named_slices s JOIN requests r USING (request_id)
      WHERE s.category = 'scheduled' AND s.name IN ('prefill', 'chunked prefill') AND s.t_ns > r.first_token_ns),
    prompt_steps AS MATERIALIZED (SELECT t_ns AS t, t_ns + dur_ns AS e, slice_id IN (SELECT step_id FROM again) AS again,
        (SELECT coalesce(median(dur_ns), 0) FROM named_slices WHERE category = 'step' AND name = 'decode') AS usual
      FROM named_slices WHERE category = 'step' AND name IN ('prefill', 'mixed')),
    stepped AS (SELECT c.gap_id, sum(${beyond}) FILTER (NOT s.again) AS prompts, sum(${beyond}) FILTER (s.again) AS anew
      FROM ${gaps} c JOIN prompt_steps s ON s.t < c.b AND s.e > c.a GROUP BY c.gap_id),
    resumed AS (SELECT p.request_id, coalesce(min(s.t_ns), any_value(p.t_ns)) AS t FROM slices p
      LEFT JOIN slices s ON s.category = 'scheduled' AND s.request_id = p.request_id AND s.t_ns > p.t_ns
      WHERE p.category = 'preemption' GROUP BY p.slice_id, p.request_id),
    preempted AS (SELECT c.gap_id, count(*) AS n FROM ${gaps} c JOIN resumed s ON s.request_id = c.request_id AND s.t BETWEEN c.a AND c.b GROUP BY c.gap_id),
    of_steps AS (SELECT c.gap_id, CASE WHEN ${logged} THEN coalesce(s.prompts, 0) END AS promptStepsNs,
        CASE WHEN ${logged} THEN coalesce(s.anew, 0) END AS recomputeNs, CASE WHEN ${logged} THEN coalesce(p.n, 0) END AS preemptions
      FROM ${gaps} c LEFT JOIN stepped s USING (gap_id) LEFT JOIN preempted p USING (gap_id))`
}

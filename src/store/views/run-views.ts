import { htaEvents, temporalBreakdownSql } from '../../derived/hta/hta-events.ts'
import { STEP_KIND, STEP_PATTERN, stepNumbers } from '../../derived/step-names.ts'
import { DEVICE_WORK, DEVICE_WORK_SQL } from '../../trace/device-work.ts'
import { cellsSql, SPANS_SQL, workSql } from './interference-sql.ts'
import { operatorTimeSql } from './operator-time.ts'

/** A view over a run's tables, for users of SQL. */
export interface RunView {
  readonly name: string
  /** What a row is. */
  readonly doc: string
  /** Its columns in their order, with their meaning. */
  readonly columns: Readonly<Record<string, string>>
  readonly select: string
}

/** Tracks that name a rank: `(track_id, rank, zero_us)`. */
const RANKED = `(SELECT track_id, (attrs->>'rank')::INTEGER AS rank, coalesce((attrs->>'zero_us')::DOUBLE, 0) AS zero_us
  FROM (SELECT track_id, CASE WHEN json_valid(attrs) THEN attrs END AS attrs FROM tracks WHERE layer IN ('kernel', 'engine'))
  WHERE (attrs->>'rank') IS NOT NULL)`

const steps: RunView = {
  name: 'v_steps',
  doc: 'a step of the engine: one of its own log, or one that a profile shows (a run may have both, and then the same step twice)',
  columns: {
    step_id: 'slices.slice_id',
    source: '`step log` or `profile`',
    track_id: 'tracks.track_id',
    t_ns: 'start',
    dur_ns: 'duration',
    kind: '`prefill`, `decode`, `mixed`; of a profile also `empty`',
    tokens: 'tokens it ran, of all requests',
    prefills: 'requests without a token so far; NULL in a log',
    prefill_tokens: 'prompt tokens it ran of these; NULL in a log',
    decodes: 'requests with tokens; NULL in a log',
    decode_tokens: 'tokens it ran of these; NULL in a log',
  },
  select: `
    SELECT slice_id AS step_id, 'step log' AS source, track_id, t_ns, dur_ns, name AS kind, tokens::DOUBLE AS tokens, NULL::DOUBLE AS prefills,
      NULL::DOUBLE AS prefill_tokens, NULL::DOUBLE AS decodes, NULL::DOUBLE AS decode_tokens FROM named_slices WHERE category = 'step'
    UNION ALL
    SELECT slice_id, 'profile', track_id, t_ns, dur_ns, ${STEP_KIND}, prefill_tokens + decode_tokens, prefills, prefill_tokens, decodes, decode_tokens
    FROM (SELECT s.*, ${stepNumbers('s.name')} FROM named_slices s JOIN tracks t USING (track_id)
      WHERE t.layer = 'engine' AND s.category <> 'step' AND regexp_matches(s.name, ${STEP_PATTERN}))`,
}

const kernels: RunView = {
  name: 'v_kernels',
  doc: 'a kernel, copy or fill on a GPU, with the call that launched it',
  columns: {
    slice_id: 'slices.slice_id',
    rank: 'of the profile it comes from',
    device: 'tracks.device',
    stream: 'GPU stream',
    name: 'its name',
    category: DEVICE_WORK.map((name) => `\`${name}\``).join(', '),
    t_ns: 'start',
    dur_ns: 'duration',
    bytes: 'bytes of a copy or fill',
    step_id: 'v_steps.step_id of the step whose call launched it',
    launch_id: 'slices.slice_id of that call',
    launch_delay_ns: "from the call's end to the kernel's start; below 0 it began before the call had ended",
    before_launch_ns:
      'how long it began before the call did, which cannot be: the clocks differ by that much at least; NULL where it did not',
    launched_together: 'kernels of that call: more than one in a replay of a CUDA graph',
  },
  select: `
    SELECT k.slice_id, r.rank, t.device, k.stream, k.name, k.category, k.t_ns, k.dur_ns, k.bytes, k.step_id, c.launch_id,
      k.t_ns - c.end_ns AS launch_delay_ns, CASE WHEN k.t_ns < c.t_ns THEN c.t_ns - k.t_ns END AS before_launch_ns, c.launched_together
    FROM named_slices k JOIN tracks t USING (track_id) LEFT JOIN ${RANKED} r USING (track_id)
    LEFT JOIN (
      SELECT l.dst_id, s.slice_id AS launch_id, s.t_ns, s.t_ns + s.dur_ns AS end_ns, count(*) OVER (PARTITION BY l.src_id) AS launched_together
      FROM links l JOIN slices s ON s.slice_id = l.src_id WHERE l.kind = 'launch'
    ) c ON c.dst_id = k.slice_id
    WHERE k.stream IS NOT NULL AND k.category IN ${DEVICE_WORK_SQL}`,
}

const stepKernels: RunView = {
  name: 'v_step_kernels',
  doc: 'a step of a profile with what it launched on a GPU',
  columns: {
    step_id: 'v_steps.step_id',
    kind: 'as v_steps',
    tokens: 'tokens it ran',
    dur_ns: "of the step's annotation, which is host time",
    kernels: 'kernels, copies and fills',
    launches: 'calls that launched them',
    graph_kernels: 'kernels that share their call with others',
    span_ns: "from its first kernel's start to its last one's end, all streams together",
    gap_ns: 'of that: nothing ran',
    launch_gap_ns: 'of that: gaps that end with a kernel whose call began after all before had ended',
  },
  select: `
    WITH placed AS (
      SELECT k.*, max(k.t_ns + k.dur_ns) OVER (
        PARTITION BY k.step_id ORDER BY k.t_ns, k.slice_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ns
      FROM v_kernels k WHERE k.step_id IS NOT NULL
    ), called AS (SELECT p.*, s.t_ns AS call_ns FROM placed p LEFT JOIN slices s ON s.slice_id = p.launch_id
    ), summed AS (
      SELECT step_id, count(*) AS kernels, count(DISTINCT launch_id) AS launches, count(*) FILTER (launched_together > 1) AS graph_kernels,
        max(t_ns + dur_ns) - min(t_ns) AS span_ns, coalesce(sum(greatest(t_ns - before_ns, 0)), 0) AS gap_ns,
        coalesce(sum(greatest(t_ns - before_ns, 0)) FILTER (call_ns > before_ns), 0) AS launch_gap_ns
      FROM called GROUP BY step_id
    )
    SELECT v.step_id, v.kind, v.tokens, v.dur_ns, s.* EXCLUDE (step_id) FROM v_steps v JOIN summed s USING (step_id)`,
}

const operators: RunView = {
  name: 'v_operators',
  doc: 'a call of an operator (`cpu_op` of a profile), with the time that is its own',
  columns: {
    slice_id: 'slices.slice_id',
    track_id: 'tracks.track_id: the thread',
    name: 'its name',
    t_ns: 'start',
    dur_ns: 'duration, with all that ran inside it',
    self_ns:
      'duration less that of operators, annotations and runtime calls directly inside it: self CPU time in PyTorch; only this may be added up',
    depth: '1 for the outermost on its thread, annotations and runtime calls included; NULL for one of no length',
    parent_id: 'slices.slice_id of what it ran in',
    step_id: 'v_steps.step_id of the step in which it began',
  },
  select: `WITH ${operatorTimeSql()} SELECT o.slice_id, o.track_id, n.text AS name, o.t_ns, o.dur_ns, o.self_ns, o.depth, o.parent_id, o.step_id
    FROM operators o JOIN strings n ON n.id = o.name_id`,
}

const tokenSteps: RunView = {
  name: 'v_token_steps',
  doc: 'a streamed event and a step that made tokens of it',
  columns: {
    request_id: 'requests.request_id',
    index: 'chunks.index',
    t_ns: 'when its bytes were handed to us',
    tokens: 'tokens in it, where the server says so',
    step_id: 'v_steps.step_id',
    step_source: '`step log` or `profile`',
    step_kind: 'as v_steps.kind',
    step_t_ns: 'start of the step',
    step_dur_ns: 'its duration',
    share: "share of the event's tokens",
    confidence: '`measured`, `inferred`; `unresolved`: only the last step that had ended by then',
    delivery_ns: "from the step's end to the event",
  },
  select: `
    SELECT c.request_id, c."index", c.t_ns, c.tokens, s.step_id, s.source AS step_source, s.kind AS step_kind, s.t_ns AS step_t_ns, s.dur_ns AS step_dur_ns,
      l.share, l.confidence, c.t_ns - s.t_ns - s.dur_ns AS delivery_ns
    FROM links l JOIN chunks c ON c.request_id = l.src_id AND c."index" = l.src_index JOIN v_steps s ON s.step_id = l.dst_id
    WHERE l.kind = 'token of step' AND l.src_kind = 'chunk'`,
}

const ledger: RunView = {
  name: 'v_ledger',
  doc: "an answered request whose steps are in the engine's log: its time from the send to the last token, in parts that add up to it",
  columns: {
    request_id: 'requests.request_id',
    measured_ns: 'last_token_ns - sent_ns',
    wait_ns: 'until the first step that ran it: the way to the engine and its queue',
    own_ns: 'its share of the steps that ran it, by tokens',
    lost_ns: 'the rest of these steps, and steps between them',
    between_ns: 'between its first and last step: no step ran',
    delivery_ns: 'from the end of its last step to its last token at the client',
  },
  select: `WITH ${workSql('step_log')}, ${SPANS_SQL} SELECT request_id, measured_ns, wait_ns, own_ns, lost_ns, between_ns, delivery_ns FROM spans`,
}

const interference: RunView = {
  name: 'v_interference',
  doc: 'a request, and what another took of its time (v_ledger.lost_ns is their sum)',
  columns: {
    victim_id: 'requests.request_id of the one that lost time',
    culprit_id: 'requests.request_id of the one that ran meanwhile; NULL for all that are not of this run',
    stage: 'what ran of the culprit: `prefill`, `decode`; `unknown` where it is not of this run',
    together: 'the victim ran in the same steps; false: it did not, after a preemption or since the step was full',
    ns: "the culprit's share of these steps, by tokens",
    tokens: 'that it ran in them',
  },
  select: `WITH ${workSql('step_log')}, ${SPANS_SQL}, ${cellsSql()} SELECT victim_id, culprit_id, stage, together, ns, tokens FROM cells`,
}

const htaKernels: RunView = {
  name: 'v_hta_kernels',
  doc: "an event of a GPU stream by HTA's rules (docs/kernels.md): whole µs, without the last of several ProfilerSteps",
  columns: {
    slice_id: 'slices.slice_id',
    rank: 'of the profile',
    stream: 'GPU stream',
    name: 'its name',
    kernel_type: '`COMPUTATION`, `COMMUNICATION`, `MEMORY`, `OTHER`',
    ts_us: "start on the file's own clock, rounded up",
    end_us: 'end, rounded down',
  },
  select: `${htaEvents(`${RANKED} AS tracks_of`, 'kernels')} SELECT slice_id, rank, stream, name, kernel_type, ts AS ts_us, te AS end_us FROM gpu`,
}

const htaTemporal: RunView = {
  name: 'v_hta_temporal_breakdown',
  doc: "a rank's time from its first kernel's start to its last one's end, by HTA's rules",
  columns: {
    rank: 'of the profile',
    idle_us: 'nothing ran',
    compute_us: 'computation ran',
    non_compute_us: 'only something else ran',
    total_us: 'all of it',
  },
  select: `SELECT rank, total_us - busy_us AS idle_us, compute_us, busy_us - compute_us AS non_compute_us, total_us
    FROM (${temporalBreakdownSql(htaEvents(`${RANKED} AS tracks_of`, 'kernels'))})`,
}

const totals: RunView = {
  name: 'v_totals',
  doc: 'a total that a source counts up (`kind` is `total` in tracks.attrs), with what the run added to it',
  columns: {
    track_id: 'tracks.track_id',
    layer: 'tracks.layer',
    name: 'tracks.name',
    process: 'tracks.process',
    device: 'tracks.device',
    unit: 'tracks.unit',
    first_ns: 'first sample with a value',
    last_ns: 'last sample with a value',
    added:
      'the sum of its increases; where it fell it restarted from zero, so what it shows then was added; a series of the layer `engine` that was not on the first page began at zero',
    restarts: 'how often it fell',
  },
  select: `
    WITH told AS (SELECT track_id, layer, name, process, device, unit, attrs->>'source' AS source, attrs->>'kind' AS kind
        FROM (SELECT * REPLACE (CASE WHEN json_valid(attrs) THEN attrs::JSON END AS attrs) FROM tracks WHERE layer IN ('engine', 'gpu', 'host', 'client')) WHERE attrs IS NOT NULL),
      begun AS (SELECT t.track_id, min(c.t_ns) AS t_ns FROM told t JOIN counters c USING (track_id) WHERE t.layer = 'engine' GROUP BY t.track_id),
      late AS (SELECT b.track_id FROM begun b JOIN told t USING (track_id) JOIN (SELECT source, min(t_ns) AS t_ns FROM begun JOIN told USING (track_id) GROUP BY source) s
        ON s.source = t.source WHERE b.t_ns > s.t_ns),
      seen AS (SELECT c.track_id, c.t_ns, c.value, lag(c.value) OVER (PARTITION BY c.track_id ORDER BY c.t_ns) AS was
        FROM counters c SEMI JOIN (SELECT track_id FROM told WHERE kind = 'total') t ON t.track_id = c.track_id WHERE c.value IS NOT NULL)
    SELECT t.track_id, any_value(t.layer) AS layer, any_value(t.name) AS name, any_value(t.process) AS process, any_value(t.device) AS device, any_value(t.unit) AS unit,
      min(s.t_ns) AS first_ns, max(s.t_ns) AS last_ns,
      sum(CASE WHEN s.was IS NULL THEN CASE WHEN l.track_id IS NULL THEN 0 ELSE s.value END WHEN s.value < s.was THEN s.value ELSE s.value - s.was END) AS added,
      count(*) FILTER (s.value < s.was) AS restarts
    FROM seen s JOIN told t USING (track_id) LEFT JOIN late l ON l.track_id = s.track_id GROUP BY t.track_id`,
}

/** In an order in which each view names only earlier ones. */
export const RUN_VIEWS: readonly RunView[] = [
  steps,
  kernels,
  stepKernels,
  operators,
  tokenSteps,
  ledger,
  interference,
  htaKernels,
  htaTemporal,
  totals,
]

import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf, numberOf } from '../rows.ts'
import type { ModelShape } from './model-shape.ts'
import { type StepWork, stepWork } from './step-work.ts'

/** What the machine can do at most, as the user says. */
export interface Peaks {
  readonly flops_per_s: number
  readonly bytes_per_s: number
}

/** What to count by: `report --model-config`. */
export interface RooflineOptions {
  readonly shape: ModelShape
  readonly peaks: Peaks | null
}

export interface Roofline {
  model: ModelShape
  /** Which steps were counted. */
  from: 'step_log' | 'profile'
  /** `left_out` where contexts are not known: work is then too low by attention's part. */
  attention: 'counted' | 'left_out'
  /** Declared by the user; null: intensity alone, and no bound is claimed. */
  peaks: (Peaks & { source: 'declared'; ridge_flops_per_byte: number }) | null
  /** Steps excluded because their contexts are not known and others' are. */
  steps_left_out: number
  kinds: RooflineKind[]
}

/** Steps of one kind, together. */
export interface RooflineKind {
  kind: string
  steps: number
  tokens: number
  flops: number
  bytes: number
  flops_per_byte: number
  /** By the time of the steps, host time included. */
  flops_per_s: number
  bytes_per_s: number
  /** On which side of the ridge; null without peaks. */
  bound: 'compute' | 'memory' | null
  /** Of what the roofline allows at this intensity. */
  attained_share: number | null
}

const KINDS = ['prefill', 'mixed', 'decode']

/** Null for a run without steps. */
export async function roofline(reader: RunReader, { shape, peaks }: RooflineOptions): Promise<Roofline | null> {
  const logged = await reader.query(LOGGED)
  const from = logged.length > 0 ? 'step_log' : 'profile'
  const all = logged.length > 0 ? logged : await reader.query(PROFILED)
  if (all.length === 0) return null
  const known = all.filter((row) => numberOf(row, 'attended') !== null)
  const steps = known.length > 0 ? known : all
  const kinds = new Map<string, RooflineKind & { dur_ns: number }>()
  for (const row of steps) {
    const kind = String(row.kind)
    const work = stepWork(shape, {
      tokens: countOf(row, 'tokens'),
      requests: countOf(row, 'requests'),
      attended: numberOf(row, 'attended'),
      context: numberOf(row, 'context'),
    })
    const sum = kinds.get(kind) ?? { ...EMPTY, kind }
    sum.steps++
    sum.tokens += countOf(row, 'tokens')
    sum.flops += work.flops
    sum.bytes += work.bytes
    sum.dur_ns += countOf(row, 'dur_ns')
    kinds.set(kind, sum)
  }
  return {
    model: shape,
    from,
    attention: known.length > 0 ? 'counted' : 'left_out',
    peaks:
      peaks === null
        ? null
        : { ...peaks, source: 'declared', ridge_flops_per_byte: peaks.flops_per_s / peaks.bytes_per_s },
    steps_left_out: all.length - steps.length,
    kinds: KINDS.flatMap((kind) => {
      const sum = kinds.get(kind)
      return sum === undefined ? [] : [placed(sum, peaks)]
    }),
  }
}

const EMPTY = {
  ...{ steps: 0, tokens: 0, flops: 0, bytes: 0, flops_per_byte: 0, flops_per_s: 0, bytes_per_s: 0, dur_ns: 0 },
  ...{ bound: null, attained_share: null },
}

function placed({ dur_ns, ...sum }: RooflineKind & { dur_ns: number }, peaks: Peaks | null): RooflineKind {
  const { flops, bytes }: StepWork = sum
  const intensity = flops / bytes
  const perSecond = dur_ns === 0 ? 0 : 1e9 / dur_ns
  const roof = peaks === null ? null : Math.min(peaks.flops_per_s, intensity * peaks.bytes_per_s)
  return {
    ...sum,
    flops_per_byte: intensity,
    flops_per_s: flops * perSecond,
    bytes_per_s: bytes * perSecond,
    bound: peaks === null ? null : intensity >= peaks.flops_per_s / peaks.bytes_per_s ? 'compute' : 'memory',
    attained_share: roof === null ? null : (flops * perSecond) / roof,
  }
}

/** Steps of the engine's log; contexts where all that ran was of this run, and none had lost its place before. */
const LOGGED = `
  WITH parts AS (
    SELECT s.step_id, s.tokens::DOUBLE AS tokens, coalesce(r.cached_tokens, 0) + coalesce(sum(s.tokens) OVER (
        PARTITION BY s.request_id ORDER BY s.t_ns, s.step_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
    FROM slices s LEFT JOIN requests r USING (request_id) WHERE s.category = 'scheduled'
  ), preempted AS (SELECT min(t_ns) AS first_ns FROM slices WHERE category = 'preemption'
  ), summed AS (
    SELECT step_id, sum(tokens) AS ours, count(*) AS requests, sum(tokens * before + tokens * (tokens + 1) / 2) AS attended, sum(before + tokens) AS context
    FROM parts GROUP BY step_id
  ) SELECT v.kind, v.tokens, v.dur_ns, coalesce(s.requests, 0) + v.tokens - coalesce(s.ours, 0) AS requests,
      CASE WHEN s.ours = v.tokens AND (p.first_ns IS NULL OR v.t_ns < p.first_ns) THEN s.attended END AS attended,
      CASE WHEN s.ours = v.tokens AND (p.first_ns IS NULL OR v.t_ns < p.first_ns) THEN s.context END AS context
    FROM v_steps v LEFT JOIN summed s USING (step_id), preempted p WHERE v.source = 'step log'`

const PROFILED = `SELECT kind, tokens, dur_ns, prefills + decodes AS requests, NULL AS attended, NULL AS context
  FROM v_steps WHERE source = 'profile' AND kind <> 'empty'`

import type { KernelSource } from '../../derived/hta/hta-events.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { workSql } from '../kernels/steps.ts'
import { countOf, oneRow } from '../rows.ts'
import { type SplitModel, stepShares } from './step-shares.ts'
import { PROFILED_STEPS } from './step-work.ts'

/** What the run's own requests cost in the steps that were profiled, by the split that was asked for. */
export interface RunCosts {
  /** Profiled steps with requests of the run. */
  steps: number
  /** Tokens that came out of them, for requests of the run. */
  output_tokens: number
  parts: PartCosts[]
}

export interface PartCosts {
  part: 'prefill' | 'decode'
  /** Tokens run for this part. */
  tokens: number
  /** The requests' share of the steps, from the scheduler's call until the tokens were known. */
  ms: number
  /** That share less the work: waiting, launching, scheduling, sampling. */
  outside_ms: number
  /** What took most, first. */
  work: { name: string; count: number; ms: number; us_per_output_token: number | null }[]
}

const SHOWN = 10

/** Null where no step with requests of the run was profiled. */
export async function runCosts(reader: RunReader, source: KernelSource, model: SplitModel): Promise<RunCosts | null> {
  const shared = `shares AS (SELECT h.*, p.profile_id, CASE WHEN h.stage = 'decode' THEN 'decode' ELSE 'prefill' END AS part
      FROM ${stepShares(model)} h JOIN ${PROFILED_STEPS} p USING (step_id))`
  const all = await oneRow(
    reader,
    `WITH ${shared} SELECT count(DISTINCT step_id) AS steps, coalesce(sum(emitted), 0) AS emitted FROM shares`,
  )
  const [steps, outputTokens] = [countOf(all, 'steps'), countOf(all, 'emitted')]
  if (steps === 0) return null
  const wholes = await reader.query(
    `WITH ${shared} SELECT part, sum(h.tokens) AS tokens, sum(h.share * s.dur_ns) AS ns
      FROM shares h JOIN slices s ON s.slice_id = h.step_id GROUP BY part`,
  )
  const rows = await reader.query(
    `WITH ${workSql(source, `step_id IN (SELECT profile_id FROM ${PROFILED_STEPS})`)}, ${shared},
      parts AS (SELECT profile_id, part, sum(share) AS share FROM shares GROUP BY ALL)
    SELECT part, n.text AS name, count(*) AS n, sum(w.self_ns * p.share) AS ns, sum(sum(w.self_ns * p.share)) OVER (PARTITION BY part) AS all_ns
    FROM work w JOIN parts p ON p.profile_id = w.step_id JOIN strings n ON n.id = w.name_id
    GROUP BY part, n.text QUALIFY row_number() OVER (PARTITION BY part ORDER BY ns DESC, n.text) <= ${SHOWN} ORDER BY part, ns DESC, n.text`,
  )
  return {
    steps,
    output_tokens: outputTokens,
    parts: (['prefill', 'decode'] as const).flatMap((part) => {
      const whole = wholes.find((row) => row.part === part)
      if (whole === undefined) return []
      const own = rows.filter((row) => row.part === part)
      const ms = countOf(whole, 'ns') / 1e6
      return [
        {
          part,
          tokens: countOf(whole, 'tokens'),
          ms,
          outside_ms: ms - (own[0] === undefined ? 0 : countOf(own[0], 'all_ns') / 1e6),
          work: own.map((row) => ({
            name: String(row.name),
            count: countOf(row, 'n'),
            ms: countOf(row, 'ns') / 1e6,
            us_per_output_token: outputTokens === 0 ? null : countOf(row, 'ns') / 1e3 / outputTokens,
          })),
        },
      ]
    }),
  }
}

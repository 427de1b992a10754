import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf, msOf, oneRow } from '../rows.ts'

/** How a profile's steps lie in those of the engine's log. */
export interface ProfileFit {
  /** The profile's steps that ran something, and those of them that are tied to a step of the log. */
  steps: number
  tied: number
  /** The profile's clock may run ahead, or behind, by so much at most: else a step would not lie in the one that ran it. */
  ahead_at_most_ms: number | null
  behind_at_most_ms: number | null
  /** Tokens that came to the client before the profile's step that made them had ended, which cannot be. */
  early_tokens: number
}

/** Null where the run has no log of steps, or no profile. */
export async function profileFit(reader: RunReader): Promise<ProfileFit | null> {
  const row = await oneRow(
    reader,
    `WITH tied AS (SELECT p.slice_id, s.slice_id AS step_id, p.t_ns - s.t_ns AS after_ns, s.t_ns + s.dur_ns - p.t_ns - p.dur_ns AS before_ns, p.t_ns + p.dur_ns AS end_ns
        FROM links l JOIN slices s ON s.slice_id = l.src_id JOIN slices p ON p.slice_id = l.dst_id WHERE l.kind = 'profile of step')
    SELECT (SELECT count(*) FROM slices s JOIN tracks t USING (track_id) WHERE t.layer = 'engine' AND t.name = 'engine_steps' AND s.tokens > 0) AS steps,
      (SELECT count(*) FROM slices WHERE category = 'step') AS logged, count(*) AS tied, min(after_ns) AS ahead, min(before_ns) AS behind,
      (SELECT count(*) FROM tied JOIN links l ON l.kind = 'token of step' AND l.dst_id = tied.step_id
        JOIN chunks c ON c.request_id = l.src_id AND c."index" = l.src_index WHERE c.t_ns < tied.end_ns) AS early
    FROM tied`,
  )
  if (countOf(row, 'logged') === 0 || countOf(row, 'steps') === 0) return null
  return {
    steps: countOf(row, 'steps'),
    tied: countOf(row, 'tied'),
    ahead_at_most_ms: msOf(row, 'ahead'),
    behind_at_most_ms: msOf(row, 'behind'),
    early_tokens: countOf(row, 'early'),
  }
}

/**
 * Operators on a thread as PyTorch's `key_averages()` counts them: the time of a call or an annotation inside an
 * operator does not count as the operator's own.
 */
const FRAMES = "('cpu_op', 'user_annotation', 'cuda_runtime', 'cuda_driver')"

/**
 * Operators with their own time as common table expressions; the last is `operators`: `(slice_id, track_id, step_id, name_id, t_ns, dur_ns, depth,
 * parent_id, self_ns)`. `self_ns` is `dur_ns` less that of the frames directly inside (operators, annotations, runtime calls on the same thread), so that
 * the sum over all operators is the time in which any ran, however they nest. An operator of no length has none. `which` bounds the slices, by SQL over
 * their columns; it must keep whole threads or whole steps.
 */
export function operatorTimeSql(which = 'true'): string {
  // A frame's depth is the number of frames open when it starts; its parent is the last one before it, one level up. Windows do both in one sort each.
  return `frames AS MATERIALIZED (SELECT slice_id, track_id, step_id, name_id, category, t_ns, dur_ns FROM slices WHERE category IN ${FRAMES} AND ${which}),
    edges AS (SELECT *, t_ns AS at_ns, 1 AS change FROM frames WHERE dur_ns > 0
      UNION ALL SELECT slice_id, track_id, NULL, NULL, NULL, NULL, 0, t_ns + dur_ns, -1 FROM frames WHERE dur_ns > 0),
    depths AS (SELECT *, (sum(change) OVER (PARTITION BY track_id ORDER BY at_ns, change, dur_ns DESC, slice_id ROWS UNBOUNDED PRECEDING))::INTEGER AS depth FROM edges),
    nested AS MATERIALIZED (SELECT * EXCLUDE (at_ns, change) FROM depths WHERE change = 1),
    levels AS (SELECT slice_id, track_id, t_ns, dur_ns, depth AS level, false AS inside FROM nested
      UNION ALL SELECT slice_id, track_id, t_ns, dur_ns, depth - 1, true FROM nested WHERE depth > 1),
    parents AS (SELECT slice_id, t_ns, dur_ns, inside, last_value(CASE WHEN NOT inside THEN slice_id END IGNORE NULLS) OVER w AS parent_id,
        last_value(CASE WHEN NOT inside THEN t_ns + dur_ns END IGNORE NULLS) OVER w AS parent_end_ns
      FROM levels WINDOW w AS (PARTITION BY track_id, level ORDER BY t_ns, inside, slice_id ROWS UNBOUNDED PRECEDING)),
    children AS MATERIALIZED (SELECT slice_id, parent_id, least(t_ns + dur_ns, parent_end_ns) - t_ns AS inside_ns FROM parents WHERE inside),
    inner_time AS (SELECT parent_id AS slice_id, sum(inside_ns) AS ns FROM children GROUP BY 1),
    operators AS (SELECT n.slice_id, track_id, step_id, name_id, t_ns, dur_ns, depth, c.parent_id, dur_ns - coalesce(i.ns, 0) AS self_ns
      FROM nested n LEFT JOIN children c USING (slice_id) LEFT JOIN inner_time i USING (slice_id) WHERE category = 'cpu_op'
      UNION ALL SELECT slice_id, track_id, step_id, name_id, t_ns, 0, NULL, NULL, 0 FROM frames WHERE category = 'cpu_op' AND NOT dur_ns > 0)`
}

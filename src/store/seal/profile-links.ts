/**
 * The links from the steps of the engine's log to the steps of a profile, as a query over `slices` and `tracks`. A step
 * of the log lasts from the scheduler's call until its tokens were known, and what the profile shows of it lies within.
 * So a profiled step belongs to the first logged step that ends after it, if that one started before it and has the
 * same number of tokens; with several engine cores, on the log that fits most of a rank's steps. Steps that fit nowhere
 * have no link.
 */
export const PROFILE_LINKS = `
WITH logged AS (
  SELECT slice_id, track_id, t_ns, t_ns + dur_ns AS end_ns, tokens FROM slices WHERE category = 'step'
), profiled AS (
  SELECT s.slice_id, s.track_id, s.t_ns, s.t_ns + s.dur_ns AS end_ns, s.tokens
  FROM slices s JOIN tracks t USING (track_id) WHERE t.layer = 'engine' AND t.name = 'engine_steps' AND s.tokens > 0
), tried AS (
  SELECT p.slice_id, p.track_id, p.tokens, p.t_ns, p.end_ns, c.log_id FROM profiled p, (SELECT DISTINCT track_id AS log_id FROM logged) c
), found AS (
  SELECT p.slice_id, p.track_id, p.log_id, l.slice_id AS logged_id,
    row_number() OVER (PARTITION BY p.track_id, l.slice_id ORDER BY p.t_ns) AS nth
  FROM tried p ASOF JOIN logged l ON l.track_id = p.log_id AND p.end_ns <= l.end_ns
  WHERE l.t_ns <= p.t_ns AND l.tokens = p.tokens
), fits AS (
  SELECT track_id, log_id, row_number() OVER (PARTITION BY track_id ORDER BY count(*) DESC, log_id) AS place
  FROM found GROUP BY track_id, log_id
)
SELECT 'slice' AS src_kind, logged_id AS src_id, NULL::UINTEGER AS src_index, 'slice' AS dst_kind, f.slice_id AS dst_id,
  'profile of step' AS kind, 1::DOUBLE AS share, 'measured' AS confidence
FROM found f JOIN fits b ON b.track_id = f.track_id AND b.log_id = f.log_id AND b.place = 1 WHERE f.nth = 1`

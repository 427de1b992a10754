import { join } from 'node:path'
import { ident } from '../live-schema.ts'
import { partName } from '../part-names.ts'
import { readParquet } from '../sql-files.ts'
import { overParts } from './over-parts.ts'
import { PROFILE_LINKS } from './profile-links.ts'
import { writeSelect } from './write-part.ts'

const PART = partName('stepLinks')

/**
 * Links each streamed event to the engine steps that made its tokens, if a run has the engine's own log of its steps:
 * the n-th token of a request came from the n-th of its steps that emit. Measured, if the server counted the tokens of
 * each event; inferred, if one token per event is assumed. Also links each step to those of a profile of the same time.
 * Written as one more part of `links`; returns its rows.
 */
export async function writeStepLinks(folder: string, memoryLimit: string): Promise<number> {
  const tables = ['slices', 'strings', 'chunks', 'tracks'] as const
  const written = await overParts(folder, tables, memoryLimit, async (connection) => {
    const any = await connection.runAndReadAll(
      `SELECT count(*)::DOUBLE FROM (SELECT 1 FROM slices WHERE category IN ('scheduled', 'step') LIMIT 1)`,
    )
    if (any.getRows()[0]?.[0] === 0) return 0
    await writeSelect(
      connection,
      folder,
      'links',
      PART,
      `${LINKS} UNION ALL (${PROFILE_LINKS}) ORDER BY src_id, src_index, dst_id`,
    )
    const part = readParquet([join(folder, 'links', PART)])
    const counted = await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM ${part}`)
    return Number(counted.getRows()[0]?.[0] ?? 0)
  })
  return written ?? 0
}

/** Tokens are numbered from both ends, in the engine by step and at the client by event, and matched where the numbers overlap. */
const LINKS = `
WITH emitted AS (
  SELECT s.request_id, s.step_id, s.t_ns,
    coalesce((s.args->>'emitted')::INT, CASE WHEN n.text = 'chunked prefill' THEN 0 ELSE 1 END) AS tokens
  FROM slices s JOIN strings n ON n.id = s.name_id WHERE s.category = 'scheduled'
), steps AS (
  SELECT *, sum(tokens) OVER (PARTITION BY request_id ORDER BY t_ns, step_id) AS upto FROM emitted WHERE tokens > 0
), events AS (
  SELECT request_id, ${ident('index')} AS i, coalesce(tokens, 1) AS n, tokens IS NOT NULL AS counted,
    sum(coalesce(tokens, 1)) OVER (PARTITION BY request_id ORDER BY ${ident('index')}) AS upto
  FROM chunks WHERE coalesce(tokens, CASE WHEN kind IN ('content', 'reasoning', 'tool') THEN 1 ELSE 0 END) > 0
)
SELECT 'chunk' AS src_kind, e.request_id AS src_id, e.i AS src_index, 'slice' AS dst_kind, s.step_id AS dst_id, 'token of step' AS kind,
  ((least(e.upto, s.upto) - greatest(e.upto - e.n, s.upto - s.tokens)) / e.n)::DOUBLE AS share,
  CASE WHEN e.counted THEN 'measured' ELSE 'inferred' END AS confidence
FROM events e JOIN steps s
  ON e.request_id = s.request_id AND e.upto - e.n < s.upto AND s.upto - s.tokens < e.upto`

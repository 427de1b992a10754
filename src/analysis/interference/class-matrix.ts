import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf, numberOf } from '../rows.ts'

/** Time lost by requests of one class to those of another. */
export interface ClassMatrix {
  by: 'prompt' | 'session'
  /** `j`: the energy of the culprits' work meanwhile; null where no power is known. */
  cells: { victim: string; culprit: string; ms: number; j: number | null }[]
}

/** A table of more sessions than this is too large to read. */
const MOST_SESSIONS = 8

const PROMPT_CLASS = `CASE WHEN input_tokens IS NULL THEN 'prompt unknown' WHEN input_tokens < 128 THEN 'under 128 tokens'
  WHEN input_tokens < 1024 THEN '128 to 1,023 tokens' WHEN input_tokens < 8192 THEN '1,024 to 8,191 tokens' ELSE '8,192 tokens and more' END`
const ELSEWHERE = 'not of this run'

/** `sql`: CTEs `work` and `spans`. Without pairs of requests: in each step, victims of a class under way times the work of the other. */
export async function classMatrices(reader: RunReader, sql: string): Promise<ClassMatrix[]> {
  const [sessions] = await reader.query('SELECT count(DISTINCT session_id) AS n FROM requests')
  const n = sessions === undefined ? 0 : countOf(sessions, 'n')
  const matrices = [{ by: 'prompt' as const, cells: await cellsOf(reader, sql, PROMPT_CLASS) }]
  if (n < 2 || n > MOST_SESSIONS) return matrices
  return [...matrices, { by: 'session', cells: await cellsOf(reader, sql, "coalesce(session_id, 'no session')") }]
}

async function cellsOf(reader: RunReader, sql: string, classOf: string): Promise<ClassMatrix['cells']> {
  const rows = await reader.query(`WITH ${sql},
    classes AS (SELECT request_id, ${classOf} AS class FROM requests),
    under_way AS (SELECT track_id, i, class, count(*) AS victims FROM (
        SELECT s.track_id, unnest(generate_series(i0, i1)) AS i, class FROM spans s JOIN classes USING (request_id)) GROUP BY ALL),
    done AS (SELECT w.track_id, w.i, coalesce(c.class, '${ELSEWHERE}') AS class, sum(w.work_ns) AS ns, sum(w.work_j) AS j FROM work w LEFT JOIN classes c USING (request_id) GROUP BY ALL),
    own_work AS (SELECT class, sum(own_ns) AS ns, sum(own_j) AS j FROM spans JOIN classes USING (request_id) GROUP BY ALL),
    met AS (SELECT v.class AS victim, d.class AS culprit, sum(v.victims * d.ns) AS ns, sum(v.victims * d.j) AS j FROM under_way v JOIN done d USING (track_id, i) GROUP BY ALL)
    SELECT victim, culprit, m.ns - CASE WHEN victim = culprit THEN o.ns ELSE 0 END AS ns, m.j - CASE WHEN victim = culprit THEN o.j ELSE 0 END AS j
    FROM met m JOIN own_work o ON o.class = m.victim WHERE m.ns > 0 ORDER BY ns DESC, victim, culprit`)
  return rows
    .map((row) => ({
      victim: String(row.victim),
      culprit: String(row.culprit),
      ms: countOf(row, 'ns') / 1e6,
      j: numberOf(row, 'j'),
    }))
    .filter(({ ms }) => ms > 0)
}

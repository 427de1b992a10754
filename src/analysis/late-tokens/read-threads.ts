import type { RunReader } from '../../store/read/run-reader.ts'
import { numberOf, textOf } from '../rows.ts'
import type { LateThread, ThreadShares } from './model.ts'
import { chosenCtes, type ReadGaps } from './read-gaps.ts'
import { NAMED_TRACKS, sampleCtes } from './signal-sql.ts'

/** The busiest threads are listed. */
const MOST_THREADS = 8

const STATES: Readonly<Record<keyof ThreadShares, readonly string[]>> = {
  on_cpu: ['on_cpu_ns', 'cpu_cores'],
  blocked: ['blocked_ns'],
  cpu_wait: ['run_queue_wait_ns'],
}
const NAMES = Object.values(STATES).flat()

/**
 * What the engine's threads did in late tokens and in on-time tokens: each thread if the kernel was observed, else all
 * together.
 */
export async function readThreads(reader: RunReader, gaps: ReadGaps): Promise<LateThread[]> {
  const named = NAMES.map((name) => `'${name}'`).join(', ')
  const state = Object.entries(STATES)
    .map(([key, names]) => `WHEN name IN (${names.map((name) => `'${name}'`).join(', ')}) THEN '${key}'`)
    .join(' ')
  const columns = Object.keys(STATES).map(
    (
      key,
    ) => `sum(inside) FILTER (state = '${key}' AND late) AS ${key}_late, sum(inside) FILTER (state = '${key}' AND NOT late) AS ${key}_on_time,
      bool_or(state = '${key}') AS ${key}_there`,
  )
  const rows = await reader.query(
    `WITH ${chosenCtes(gaps.medianNs, gaps.lateFromNs)}, ${NAMED_TRACKS},
    of_engine AS (SELECT *, CASE ${state} END AS state FROM named WHERE name IN (${named})
      AND (layer = 'os' AND thread IS NOT NULL OR layer = 'host' AND role = 'engine')),
    wanted AS MATERIALIZED (SELECT * FROM of_engine WHERE layer = 'os' OR NOT EXISTS (SELECT 1 FROM of_engine WHERE layer = 'os')),
    ${sampleCtes('chosen', 'state')}
    SELECT w.process, w.thread, ${columns.join(', ')}
    FROM wanted w LEFT JOIN (SELECT t.track_id, t.inside, c.late FROM touched t JOIN chosen c USING (gap_id)) USING (track_id)
    GROUP BY w.process, w.thread
    ORDER BY sum(inside) FILTER (state = 'on_cpu') DESC NULLS LAST, 1, 2 LIMIT ${MOST_THREADS}`,
  )
  const lengthOf = (list: ReadGaps['late']) => list.reduce((ns, { fromNs, toNs }) => ns + toNs - fromNs, 0)
  const lateNs = lengthOf(gaps.late)
  const onTimeNs = lengthOf(gaps.onTime)
  if (lateNs === 0 || onTimeNs === 0) return []
  return rows.map((row) => {
    const shares = (which: 'late' | 'on_time', ns: number) =>
      mapStates((key) => (row[`${key}_there`] === true ? (numberOf(row, `${key}_${which}`) ?? 0) / ns : null))
    const [late, onTime] = [shares('late', lateNs), shares('on_time', onTimeNs)]
    return {
      process: textOf(row, 'process'),
      thread: textOf(row, 'thread'),
      on_time: onTime,
      late,
      excess_ms: mapStates((key) =>
        late[key] === null || onTime[key] === null ? null : ((late[key] - onTime[key]) * lateNs) / 1e6,
      ),
    }
  })
}

function mapStates(value: (key: keyof ThreadShares) => number | null): ThreadShares {
  return { on_cpu: value('on_cpu'), blocked: value('blocked'), cpu_wait: value('cpu_wait') }
}

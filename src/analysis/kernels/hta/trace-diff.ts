import type { RunReader } from '../../../store/read/run-reader.ts'
import { htaEvents } from '../../../store/views/hta-events.ts'
import { countOf, numberOf } from '../../rows.ts'
import { kernelTracks, tracksValues } from '../kernel-tracks.ts'

/** Names of operators, calls and kernels by what became of their number. */
export interface OpsDiff {
  added: string[]
  deleted: string[]
  increased: string[]
  decreased: string[]
  unchanged: string[]
}

/**
 * Compares how often each name occurs in the first rank of two runs: in its first ProfilerStep, or in the whole where
 * there is none. A kernel belongs to the step that launched it.
 */
export async function opsDiff(control: RunReader, test: RunReader): Promise<OpsDiff> {
  const [before, after] = [await opCounts(control), await opCounts(test)]
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  const where = (holds: (was: number, is: number) => boolean) =>
    names.filter((name) => holds(before.get(name) ?? 0, after.get(name) ?? 0))
  return {
    added: where((was) => was === 0),
    deleted: where((_, is) => is === 0),
    increased: where((was, is) => was > 0 && is > was),
    decreased: where((was, is) => is > 0 && is < was),
    unchanged: where((was, is) => is > 0 && is === was),
  }
}

async function opCounts(reader: RunReader): Promise<Map<string, number>> {
  const tracks = await kernelTracks(reader)
  const first = tracks[0]?.rank
  if (first === undefined) return new Map()
  const events = htaEvents(tracksValues(tracks.filter(({ rank }) => rank === first)), 'kernels', false)
  const [step] = await reader.query(`${events} SELECT ts, te FROM events
    WHERE category = 'user_annotation' AND regexp_matches(name, '^ProfilerStep *# *[0-9]+')
    ORDER BY regexp_extract(name, '# *([0-9]+)', 1)::BIGINT, ts LIMIT 1`)
  const inside = step === undefined ? 'true' : `ts >= ${numberOf(step, 'ts')} AND ts < ${numberOf(step, 'te')}`
  const rows = await reader.query(`${events}, host AS (SELECT * FROM kept WHERE stream IS NULL AND ${inside})
    SELECT name, count(*) AS n FROM (
      SELECT name FROM host UNION ALL
      SELECT name FROM kept k WHERE stream IS NOT NULL ${step === undefined ? '' : 'AND EXISTS (FROM host h WHERE h.correlation = k.correlation AND k.correlation > 0)'}
    ) GROUP BY name`)
  return new Map(rows.map((row) => [String(row.name), countOf(row, 'n')]))
}

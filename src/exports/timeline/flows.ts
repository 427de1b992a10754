import type { DuckDBValue } from '@duckdb/node-api'
import type { SealedRun } from '../sealed-run.ts'
import type { Flows } from './timeline-sink.ts'

export type FlowKind = 'request' | 'chunk' | 'slice'

/** Columns `flows_out`, `flows_in` for the events of one kind, and the joins that give them. */
export interface FlowJoin {
  readonly columns: string
  readonly joins: string
}

/**
 * Numbers every link as a flow. Links between events that a viewer can tie together (request, chunk, slice) are
 * numbered; a counter has no single event to tie to.
 */
export async function prepareFlows(run: SealedRun): Promise<(kind: FlowKind, id: string, index?: string) => FlowJoin> {
  await run.connection.run(
    `CREATE TEMP TABLE flows AS SELECT row_number() OVER ()::UINTEGER AS flow, * FROM links
      WHERE src_kind <> 'counter' AND dst_kind <> 'counter' AND confidence <> 'unresolved'`,
  )
  const [counted] = await run.rows('SELECT count(*)::DOUBLE AS n FROM flows')
  if (counted?.n === 0) return () => ({ columns: 'NULL AS flows_out, NULL AS flows_in', joins: '' })
  return (kind, id, index) => {
    const side = (name: 'out' | 'in', end: 'src' | 'dst') => {
      const byIndex = name === 'out' && index !== undefined
      const group = byIndex ? 'src_id, src_index' : `${end}_id`
      const on = `f_${name}.${end}_id = ${id}${byIndex ? ` AND f_${name}.src_index = ${index}` : ''}`
      // A link names its destination by id alone: a chunk is reached through its request's first event.
      const first = !byIndex && index !== undefined ? ` AND ${index} = 0` : ''
      return `LEFT JOIN (SELECT ${group}, string_agg(flow, ',') AS ids FROM flows WHERE ${end}_kind = '${kind}' GROUP BY ALL) f_${name} ON ${on}${first}`
    }
    return {
      columns: 'f_out.ids AS flows_out, f_in.ids AS flows_in',
      joins: `${side('out', 'src')} ${side('in', 'dst')}`,
    }
  }
}

/** The flows of one row, or null where it has none. */
export function flowsOf(out: DuckDBValue, into: DuckDBValue): Flows | null {
  if (out === null && into === null) return null
  return { out: numbers(out), in: numbers(into) }
}

function numbers(text: DuckDBValue): number[] {
  return text === null ? [] : String(text).split(',').map(Number)
}

import type { StreamingReader } from '../../../store/read/run-reader.ts'
import { RUN_VIEWS } from '../../../store/views/run-views.ts'
import { TABLES, type TableName } from '../../../trace/tables.ts'
import type { SqlAnswer, SqlSchema, SqlValue } from '../api-types.ts'

const MOST_ROWS = 10_000
const MOST_CHARACTERS = 8e6

/** The answer to one locked SELECT: so many rows of it, and whether there are more. */
export async function runSql(reader: StreamingReader, sql: string): Promise<SqlAnswer> {
  const began = performance.now()
  const stream = await reader.stream(sql)
  const rows: SqlValue[][] = []
  let characters = 0
  let cut = false
  for await (const batch of stream.batches()) {
    for (const row of batch) {
      if (rows.length >= MOST_ROWS || characters > MOST_CHARACTERS) {
        cut = true
        break
      }
      for (const value of row) characters += typeof value === 'string' ? value.length : 8
      rows.push(row)
    }
    if (cut) break
  }
  return { columns: [...stream.columns], rows, cut, ms: performance.now() - began }
}

/** The tables and views with their columns, and questions to begin with. */
export function sqlSchema(): SqlSchema {
  const tables = (Object.keys(TABLES) as TableName[]).map((name) => ({
    name,
    doc: TABLES[name].doc,
    columns: Object.entries(TABLES[name].columns as Record<string, readonly [string, string, ...unknown[]]>).map(
      ([column, spec]) => ({ name: column, type: String(spec[0]).replace('?', ''), doc: String(spec[1]) }),
    ),
  }))
  const views = RUN_VIEWS.map(({ name, doc, columns }) => ({
    name,
    doc,
    columns: Object.entries(columns).map(([column, what]) => ({ name: column, type: '', doc: what })),
  }))
  return { tables: [...tables, ...views], examples: EXAMPLES }
}

const EXAMPLES: SqlSchema['examples'] = [
  {
    title: 'The slowest first tokens',
    sql: "SELECT request_id, prompt_id, (first_token_ns - sent_ns) / 1e6 AS ttft_ms, input_tokens\nFROM requests WHERE status = 'ok' ORDER BY ttft_ms DESC LIMIT 20",
  },
  {
    title: 'The longest gaps between token events',
    sql: "SELECT request_id, \"index\", t_ns / 1e9 AS at_s, (t_ns - lag(t_ns) OVER (PARTITION BY request_id ORDER BY \"index\")) / 1e6 AS gap_ms\nFROM chunks WHERE kind IN ('content', 'reasoning', 'tool') ORDER BY gap_ms DESC NULLS LAST LIMIT 20",
  },
  {
    title: 'Token events each second',
    sql: "SELECT floor(t_ns / 1e9) AS second, count(*) AS events FROM chunks WHERE kind = 'content' GROUP BY second ORDER BY second",
  },
  {
    title: 'What took most time, by name',
    sql: 'SELECT layer, name, count(*) AS n, sum(dur_ns) / 1e6 AS ms\nFROM named_slices JOIN (SELECT track_id, layer FROM tracks) USING (track_id) GROUP BY ALL ORDER BY ms DESC LIMIT 30',
  },
  {
    title: 'Counters and their range',
    sql: 'SELECT layer, name, process, device, unit, count(*) AS n, min(value) AS low, avg(value) AS mean, max(value) AS high\nFROM named_counters GROUP BY ALL ORDER BY layer, name',
  },
]

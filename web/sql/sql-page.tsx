import { useState } from 'preact/hooks'
import type { SqlAnswer, SqlSchema } from '../../src/server/web/api-types.ts'
import { PageError, runPath, sendJson } from '../base/api.ts'
import { many, number } from '../base/format.ts'
import { rewrite } from '../base/route.ts'
import { useAnswer } from '../base/use-answer.ts'
import type { ViewProps } from '../base/view-props.ts'
import { Failed } from '../parts/states.tsx'
import { csvOf, saveAs } from './csv.ts'
import { ResultPlot } from './result-plot.tsx'
import { ResultTable } from './result-table.tsx'

/** A read-only console over the run's tables. */
export function SqlPage({ id, query }: ViewProps) {
  const schema = useAnswer<SqlSchema>('/api/schema')
  const [sql, setSql] = useState(
    query.get('sql') ??
      'SELECT request_id, status, (first_token_ns - sent_ns) / 1e6 AS ttft_ms\nFROM requests ORDER BY ttft_ms DESC LIMIT 20',
  )
  const [answer, setAnswer] = useState<SqlAnswer | PageError | null>(null)
  const [running, setRunning] = useState<AbortController | null>(null)
  const [plot, setPlot] = useState(false)
  const run = (text = sql) => {
    running?.abort()
    const abort = new AbortController()
    setRunning(abort)
    rewrite(['run', id, 'sql'], { sql: text })
    sendJson<SqlAnswer>('POST', runPath(id, '/sql'), { sql: text }, abort.signal).then(
      (value) => {
        setAnswer(value)
        setRunning(null)
      },
      (error: unknown) => {
        if (abort.signal.aborted) return
        setAnswer(error instanceof PageError ? error : new PageError({ code: '', message: String(error), hint: null }))
        setRunning(null)
      },
    )
  }
  const result = answer instanceof PageError ? null : answer
  return (
    <div class="sql-view">
      <h1 class="hidden-label">SQL</h1>
      <aside class="schema" aria-label="tables">
        {schema.state === 'done' &&
          schema.value.tables.map((table) => (
            <details key={table.name}>
              <summary title={table.doc}>{table.name}</summary>
              <ul>
                {table.columns.map((column) => (
                  <li key={column.name} title={column.doc}>
                    <button type="button" class="link mono" onClick={() => setSql(`${sql.trimEnd()} ${column.name}`)}>
                      {column.name}
                    </button>
                    <span class="muted small">{column.type}</span>
                  </li>
                ))}
              </ul>
            </details>
          ))}
      </aside>
      <div class="sql-main">
        <div class="sql-editor">
          <textarea
            aria-label="SQL; Ctrl and Enter runs it"
            spellcheck={false}
            value={sql}
            onInput={(event) => setSql(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) run()
            }}
          />
          <div class="row">
            <button type="button" class="primary" onClick={() => run()}>
              Run
            </button>
            {running !== null && (
              <button
                type="button"
                onClick={() => {
                  running.abort()
                  setRunning(null)
                }}
              >
                Stop
              </button>
            )}
            <select
              aria-label="examples"
              value=""
              onChange={(event) => {
                const example =
                  schema.state === 'done' ? schema.value.examples[Number(event.currentTarget.value)] : undefined
                if (example === undefined) return
                setSql(example.sql)
                run(example.sql)
              }}
            >
              <option value="">Examples …</option>
              {schema.state === 'done' &&
                schema.value.examples.map((example, i) => (
                  <option key={example.title} value={i}>
                    {example.title}
                  </option>
                ))}
            </select>
            <span class="muted" role="status">
              {running !== null
                ? 'running …'
                : result === null
                  ? 'Ctrl + Enter runs it'
                  : `${many(result.rows.length, 'row')}${result.cut ? ' of more' : ''} in ${number(result.ms)} ms`}
            </span>
            <span class="spacer" />
            {result !== null && (
              <>
                <button type="button" aria-pressed={plot} onClick={() => setPlot(!plot)}>
                  Plot
                </button>
                <button type="button" onClick={() => saveAs('result.csv', csvOf(result))}>
                  CSV
                </button>
              </>
            )}
          </div>
        </div>
        {answer instanceof PageError ? (
          <Failed error={answer} />
        ) : result === null ? null : plot ? (
          <ResultPlot answer={result} />
        ) : (
          <ResultTable answer={result} />
        )}
      </div>
    </div>
  )
}

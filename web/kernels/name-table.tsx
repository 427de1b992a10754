import { useEffect, useMemo, useState } from 'preact/hooks'
import type { SqlAnswer } from '../../src/server/web/api-types.ts'
import { PageError, runPath, sendJson } from '../base/api.ts'
import { duration, number, percent } from '../base/format.ts'
import { Empty, Failed, Loading } from '../parts/states.tsx'

/** Names of slices by the time they took, from one question to the run. */
export function NameTable({ id, title, sql, empty }: { id: string; title: string; sql: string; empty: string }) {
  const [answer, setAnswer] = useState<SqlAnswer | PageError | null>(null)
  const [filter, setFilter] = useState('')
  useEffect(() => {
    const abort = new AbortController()
    sendJson<SqlAnswer>('POST', runPath(id, '/sql'), { sql }, abort.signal).then(setAnswer, (error: unknown) => {
      if (error instanceof PageError) setAnswer(error)
    })
    return () => abort.abort()
  }, [id, sql])
  const rows = useMemo(() => (answer === null || answer instanceof PageError ? [] : answer.rows), [answer])
  if (answer === null) return <Loading what={`Reading ${title.toLowerCase()} …`} />
  if (answer instanceof PageError) return <Failed error={answer} />
  if (rows.length === 0) return <Empty title={empty} />
  const total = rows.reduce((sum, row) => sum + Number(row[3]), 0)
  const shown = rows.filter((row) => String(row[0]).toLowerCase().includes(filter.toLowerCase()))
  return (
    <section class="panel">
      <header>
        <h2>{title}</h2>
        <span class="muted">
          {number(rows.length)} names, {duration(total)} together
        </span>
        <span class="spacer" />
        <input
          type="search"
          placeholder="Filter"
          aria-label={`filter ${title.toLowerCase()}`}
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
      </header>
      <section class="scroll-x" aria-label={title} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Kind</th>
              <th scope="col" class="num">
                Calls
              </th>
              <th scope="col" class="num">
                Total
              </th>
              <th scope="col" class="num">
                Share
              </th>
              <th scope="col" class="num">
                Mean
              </th>
              <th scope="col" class="num">
                Longest
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, 300).map(([name, kind, n, total_ns, longest], i) => (
              <tr key={i}>
                <td>
                  <div class="clip mono" title={String(name)}>
                    {String(name)}
                  </div>
                </td>
                <td class="muted">{String(kind ?? '').replaceAll('_', ' ')}</td>
                <td class="num">{number(Number(n))}</td>
                <td class="num">{duration(Number(total_ns))}</td>
                <td class="num">{percent(total === 0 ? null : Number(total_ns) / total)}</td>
                <td class="num">{duration(Number(total_ns) / Math.max(1, Number(n)))}</td>
                <td class="num">{duration(Number(longest))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  )
}

import { useRef, useState } from 'preact/hooks'
import type { SqlAnswer } from '../../src/server/web/api-types.ts'

const ROW = 27

/** The rows in sight of a result. */
export function ResultTable({ answer }: { answer: SqlAnswer }) {
  const box = useRef<HTMLElement>(null)
  const [top, setTop] = useState(0)
  const first = Math.max(0, Math.floor(top / ROW) - 10)
  const shown = answer.rows.slice(first, first + 80)
  const isNumber = answer.columns.map((_, i) => shown.every((row) => row[i] === null || typeof row[i] === 'number'))
  return (
    <section
      class="sql-result"
      ref={box}
      tabIndex={0}
      aria-label="result"
      onScroll={() => setTop(box.current?.scrollTop ?? 0)}
    >
      <table>
        <thead>
          <tr>
            {answer.columns.map((column, i) => (
              <th key={i} scope="col" class={isNumber[i] ? 'num' : ''}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr style={{ height: `${first * ROW}px` }} />}
          {shown.map((row, i) => (
            <tr key={first + i} style={{ height: `${ROW}px` }}>
              {row.map((value, j) => (
                <td
                  key={j}
                  class={isNumber[j] ? 'num' : ''}
                  title={value === null ? 'NULL' : String(value).slice(0, 1000)}
                >
                  {value === null ? <span class="muted">NULL</span> : String(value).slice(0, 300)}
                </td>
              ))}
            </tr>
          ))}
          {answer.rows.length > first + shown.length && (
            <tr style={{ height: `${(answer.rows.length - first - shown.length) * ROW}px` }} />
          )}
        </tbody>
      </table>
      {answer.rows.length === 0 && <p class="none">No rows.</p>}
    </section>
  )
}

import type { CompareRow, Comparison } from '../../src/server/web/api-types.ts'
import { amount, percent } from '../base/format.ts'
import { href } from '../base/route.ts'
import { useAnswer } from '../base/use-answer.ts'
import { Answered } from '../parts/states.tsx'

/** Two runs, figure by figure: a sentence, then the figures with their intervals. */
export function ComparePage({ a, b }: { a: string; b: string }) {
  const answer = useAnswer<Comparison>(`/api/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`)
  return (
    <div class="page">
      <h1 class="hidden-label">Compare</h1>
      <Answered answer={answer} what="Analysing both runs …" rows={8}>
        {({ a: left, b: right, sentence, caveat, rows }) => (
          <>
            <p class="headline">{sentence}</p>
            <p class="muted">{caveat}</p>
            <section class="panel">
              <header>
                <h2>Figures</h2>
                <a href={href(['compare'], { a: b, b: a })}>the other way about</a>
              </header>
              <section class="scroll-x" aria-label="figures of both runs" tabIndex={0}>
                <table>
                  <thead>
                    <tr>
                      <th scope="col">
                        <span class="hidden-label">figure</span>
                      </th>
                      <th scope="col" class="num">
                        A: <a href={href(['run', left.id, 'overview'])}>{left.run_id}</a>
                      </th>
                      <th scope="col" class="num">
                        B: <a href={href(['run', right.id, 'overview'])}>{right.run_id}</a>
                      </th>
                      <th scope="col" class="num">
                        change
                      </th>
                      <th scope="col">what the intervals say</th>
                    </tr>
                  </thead>
                  <tbody>
                    {rows.map((row) => (
                      <Row key={row.name} row={row} />
                    ))}
                  </tbody>
                </table>
              </section>
            </section>
          </>
        )}
      </Answered>
    </div>
  )
}

function Row({ row }: { row: CompareRow }) {
  const { name, unit, better, a, b, change, differs } = row
  const good = change !== null && (better === 'lower' ? change < 0 : change > 0)
  return (
    <tr>
      <th scope="row">{name}</th>
      <Value value={a} unit={unit} />
      <Value value={b} unit={unit} />
      <td class={`num change ${differs === true ? (good ? 'better' : 'worse') : ''}`}>
        {change === null ? '–' : `${change > 0 ? '+' : ''}${percent(change)}`}
      </td>
      <td class="muted">
        {differs === null
          ? 'no interval'
          : differs
            ? `differ: B is ${good ? 'better' : 'worse'}`
            : 'overlap: no difference shown'}
      </td>
    </tr>
  )
}

function Value({ value, unit }: { value: CompareRow['a']; unit: string }) {
  if (value === null) return <td class="num muted">too few</td>
  return (
    <td class="num">
      {amount(value.value, unit)}
      {value.low !== null && (
        <div class="muted small">
          {amount(value.low, unit)} – {amount(value.high, unit)}
        </div>
      )}
    </td>
  )
}

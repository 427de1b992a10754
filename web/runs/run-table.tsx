import { useState } from 'preact/hooks'
import type { RunFigures, RunRow } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { day, duration, ms, number } from '../base/format.ts'
import { href } from '../base/route.ts'
import { useAnswer } from '../base/use-answer.ts'
import { Sparkline } from '../parts/sparkline.tsx'
import { RunMenu } from './run-menu.tsx'

interface RunTableProps {
  readonly runs: readonly RunRow[]
  readonly chosen: readonly string[]
  readonly onChoose: (chosen: readonly string[]) => void
  readonly onChanged: () => void
}

const SORTS: Readonly<Record<string, (run: RunRow) => string | number>> = {
  Run: (run) => run.run_id,
  Started: (run) => run.started,
  Model: (run) => run.model ?? '',
  Verdict: (run) => ['bad', 'warn', 'ok'].indexOf(worst(run)),
}

export function RunTable({ runs, chosen, onChoose, onChanged }: RunTableProps) {
  const [sort, setSort] = useState({ by: 'Started', down: true })
  const value = SORTS[sort.by] as (run: RunRow) => string | number
  const sorted = [...runs].sort((x, y) => {
    const [a, b] = [value(x), value(y)]
    const order = a < b ? -1 : a > b ? 1 : 0
    return sort.down ? -order : order
  })
  const head = (name: string) => (
    <th scope="col" aria-sort={sort.by === name ? (sort.down ? 'descending' : 'ascending') : undefined}>
      <button type="button" onClick={() => setSort({ by: name, down: sort.by === name ? !sort.down : false })}>
        {name} {sort.by === name ? (sort.down ? '↓' : '↑') : ''}
      </button>
    </th>
  )
  return (
    <section class="scroll-x" aria-label="runs" tabIndex={0}>
      <table class="runs">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden-label">choose</span>
            </th>
            {head('Run')}
            {head('Verdict')}
            {head('Model')}
            <th scope="col">In flight</th>
            <th scope="col" class="num">
              Requests
            </th>
            <th scope="col" class="num">
              TTFT p50
            </th>
            <th scope="col" class="num">
              TTFT p99
            </th>
            <th scope="col" class="num">
              TPOT p50
            </th>
            <th scope="col" class="num">
              Tokens/s
            </th>
            <th scope="col">Layers</th>
            {head('Started')}
            <th scope="col">
              <span class="hidden-label">more</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((run) => (
            <Row
              key={run.id}
              run={run}
              isChosen={chosen.includes(run.id)}
              onChoose={(on) => onChoose(on ? [...chosen, run.id].slice(-2) : chosen.filter((id) => id !== run.id))}
              onChanged={onChanged}
            />
          ))}
        </tbody>
      </table>
      {sorted.length === 0 && <p class="none">No run matches. Clear the filter to see all of them.</p>}
    </section>
  )
}

interface RowProps {
  readonly run: RunRow
  readonly isChosen: boolean
  readonly onChoose: (on: boolean) => void
  readonly onChanged: () => void
}

function Row({ run, isChosen, onChoose, onChanged }: RowProps) {
  const answer = useAnswer<RunFigures>(run.problem === null ? runPath(run.id, '/figures') : null)
  const figures = answer.state === 'done' ? answer.value : null
  const level = worst(run)
  return (
    <tr>
      <td>
        <input
          type="checkbox"
          checked={isChosen}
          aria-label={`compare ${run.run_id}`}
          disabled={run.problem !== null}
          onChange={(event) => onChoose(event.currentTarget.checked)}
        />
      </td>
      <td>
        <div class="clip">
          {run.problem === null ? <a href={href(['run', run.id, 'overview'])}>{run.run_id}</a> : run.run_id}
        </div>
        <div class="muted small clip">
          {run.command}
          {run.duration_s === null ? '' : ` · ${duration(run.duration_s * 1e9)}`}
          {run.tags.map((tag) => (
            <span key={tag} class="badge">
              {tag}
            </span>
          ))}
        </div>
      </td>
      <td>
        {run.problem !== null ? (
          <span class="badge bad" title={run.problem}>
            cannot be opened
          </span>
        ) : run.state === 'recording' ? (
          <span class="badge live">recording</span>
        ) : (
          <span class={`badge ${level}`} title={run.verdict[0]?.text ?? ''}>
            {level === 'bad' ? 'bad' : level === 'warn' ? 'caveats' : level === 'ok' ? 'good' : 'no verdict'}
          </span>
        )}
      </td>
      <td>
        <div class="clip narrow">{run.model ?? '–'}</div>
        <div class="muted small clip narrow">{run.engine ?? ''}</div>
      </td>
      <td>
        {figures === null ? (
          <span class="muted">–</span>
        ) : (
          <Sparkline values={figures.in_flight} label="requests in flight over the run" />
        )}
      </td>
      <td class="num">
        {figures === null
          ? '–'
          : figures.ok === figures.requests
            ? number(figures.ok)
            : `${number(figures.ok)} of ${number(figures.requests)}`}
      </td>
      <td class="num">{ms(figures?.ttft_p50_ms)}</td>
      <td class="num">{ms(figures?.ttft_p99_ms)}</td>
      <td class="num">{ms(figures?.tpot_p50_ms)}</td>
      <td class="num">{number(figures?.output_tokens_per_s)}</td>
      <td class="muted small">{layersOf(run)}</td>
      <td class="muted small nowrap">{day(run.started)}</td>
      <td>
        <RunMenu run={run} onChanged={onChanged} />
      </td>
    </tr>
  )
}

function worst({ verdict }: RunRow): string {
  for (const level of ['bad', 'warn', 'ok'] as const) if (verdict.some((line) => line.level === level)) return level
  return 'note'
}

function layersOf({ rows }: RunRow): string {
  const names: [string, string][] = [
    ['chunks', 'tokens'],
    ['slices', 'slices'],
    ['counters', 'counters'],
    ['ops', 'operators'],
  ]
  return (
    names
      .filter(([table]) => (rows[table] ?? 0) > 0)
      .map(([, name]) => name)
      .join(', ') || '–'
  )
}

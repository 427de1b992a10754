import { useEffect, useRef, useState } from 'preact/hooks'
import type { RequestPage, RequestRow } from '../../src/server/web/api-types.ts'
import { getJson, runPath } from '../base/api.ts'
import { many, ms, number } from '../base/format.ts'
import { rewrite } from '../base/route.ts'
import type { ViewProps } from '../base/view-props.ts'
import { Empty } from '../parts/states.tsx'
import { RequestDetail } from './request-detail.tsx'

const ROW = 28
const BLOCK = 100

const COLUMNS: readonly { key: string; title: string; of: (row: RequestRow) => string; text?: boolean }[] = [
  { key: 'request_id', title: 'Request', of: (row) => String(row.request_id) },
  { key: '', title: 'Prompt', of: (row) => row.prompt_id ?? '', text: true },
  { key: 'status', title: 'Status', of: (row) => row.status, text: true },
  { key: 'sent', title: 'Sent', of: (row) => (row.sent_ns === null ? '–' : `${(row.sent_ns / 1e9).toFixed(3)} s`) },
  { key: 'queue', title: 'Send lag', of: (row) => ms(row.queue_ms) },
  { key: 'ttft', title: 'TTFT', of: (row) => ms(row.ttft_ms) },
  { key: 'e2e', title: 'E2E', of: (row) => ms(row.e2e_ms) },
  { key: 'tpot', title: 'TPOT', of: (row) => ms(row.tpot_ms) },
  { key: 'max_gap', title: 'Longest gap', of: (row) => ms(row.max_gap_ms) },
  { key: 'input_tokens', title: 'In', of: (row) => number(row.input_tokens) },
  { key: 'output_tokens', title: 'Out', of: (row) => number(row.output_tokens) },
]

/** All requests: only the rows in sight are asked for and drawn. */
export function RequestsPage({ id, query }: ViewProps) {
  const [sort, setSort] = useState({ by: query.get('sort') ?? 'request_id', down: query.get('down') === '1' })
  const [filter, setFilter] = useState(query.get('filter') ?? '')
  const [status, setStatus] = useState('')
  const [chosen, setChosen] = useState<number | null>(
    query.get('request') === null ? null : Number(query.get('request')),
  )
  const asked = new URLSearchParams({ sort: sort.by, descending: String(sort.down), filter, status }).toString()
  const { rows, total, problem, show } = useBlocks(id, asked)
  const box = useRef<HTMLElement>(null)
  const [first, setFirst] = useState(0)
  useEffect(() => {
    rewrite(['run', id, 'requests'], {
      sort: sort.by,
      ...(sort.down ? { down: 1 } : {}),
      ...(filter === '' ? {} : { filter }),
      ...(chosen === null ? {} : { request: chosen }),
    })
  }, [id, sort, filter, chosen])
  const inSight = Math.ceil((box.current?.clientHeight ?? 700) / ROW) + 4
  useEffect(() => show(first, first + inSight), [first, inSight, asked])
  const onScroll = () => setFirst(Math.max(0, Math.floor((box.current?.scrollTop ?? 0) / ROW) - 2))
  return (
    <div class={`requests-view${chosen === null ? '' : ' with-detail'}`}>
      <h1 class="hidden-label">Requests</h1>
      <div class="requests-list">
        <div class="bar-top">
          <input
            type="search"
            placeholder="Prompt, id or error"
            aria-label="filter by prompt, id or error"
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
          <select aria-label="status" value={status} onChange={(event) => setStatus(event.currentTarget.value)}>
            <option value="">every status</option>
            {[
              'ok',
              'http_error',
              'connect_error',
              'timeout',
              'reset',
              'truncated',
              'malformed',
              'cancelled',
              'interrupted',
              'not_sent',
              'empty',
            ].map((each) => (
              <option key={each} value={each}>
                {each.replaceAll('_', ' ')}
              </option>
            ))}
          </select>
          <span class="muted" role="status">
            {total === null ? '…' : many(total, 'request')}
          </span>
        </div>
        {problem !== null && <p class="notice bad">{problem}</p>}
        {total === 0 ? (
          <Empty title="No request of that kind">
            <p>
              {filter === '' && status === '' ? 'The run has no requests.' : 'Clear the filter to see all of them.'}
            </p>
          </Empty>
        ) : (
          <section
            class="virtual"
            ref={box}
            onScroll={onScroll}
            tabIndex={0}
            aria-label="requests; arrows move, Enter opens"
          >
            <div class="grid-row grid-head">
              {COLUMNS.map(({ key, title, text }) => (
                <div key={title} class={text ? '' : 'num'}>
                  {key === '' ? (
                    title
                  ) : (
                    <button
                      type="button"
                      aria-label={`sort by ${title}`}
                      onClick={() => setSort({ by: key, down: sort.by === key ? !sort.down : key !== 'request_id' })}
                    >
                      {title} {sort.by === key ? (sort.down ? '↓' : '↑') : ''}
                    </button>
                  )}
                </div>
              ))}
            </div>
            <div class="grid-body" style={{ height: `${(total ?? 0) * ROW}px` }}>
              {Array.from({ length: Math.min(inSight, Math.max(0, (total ?? 0) - first)) }, (_, i) => first + i).map(
                (at) => (
                  <Row key={at} at={at} row={rows.get(at)} chosen={chosen} onChoose={setChosen} />
                ),
              )}
            </div>
          </section>
        )}
      </div>
      {chosen !== null && <RequestDetail id={id} request={chosen} onClose={() => setChosen(null)} />}
    </div>
  )
}

function Row({
  at,
  row,
  chosen,
  onChoose,
}: {
  at: number
  row: RequestRow | undefined
  chosen: number | null
  onChoose: (id: number) => void
}) {
  const style = { top: `${at * ROW}px` }
  if (row === undefined)
    return (
      <div class="grid-row muted" style={style}>
        …
      </div>
    )
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: its first cell holds a button
    // biome-ignore lint/a11y/noStaticElementInteractions: as above
    <div
      class={`grid-row${row.request_id === chosen ? ' chosen' : ''}`}
      style={style}
      onClick={() => onChoose(row.request_id)}
    >
      {COLUMNS.map(({ title, of, text, key }) => (
        <div key={title} class={text ? '' : 'num'} title={key === 'status' ? (row.error ?? '') : ''}>
          {key === 'request_id' ? (
            <button type="button" class="link" onClick={() => onChoose(row.request_id)}>
              {of(row)}
            </button>
          ) : key === 'status' && row.status !== 'ok' ? (
            <span class="badge bad">{row.status.replaceAll('_', ' ')}</span>
          ) : (
            <bdi>{of(row)}</bdi>
          )}
        </div>
      ))}
    </div>
  )
}

/** Rows by their position, asked for in blocks; a new order begins anew. */
function useBlocks(id: string, asked: string) {
  const [state, setState] = useState<{
    asked: string
    rows: Map<number, RequestRow>
    total: number | null
    problem: string | null
  }>({ asked, rows: new Map(), total: null, problem: null })
  const pending = useRef(new Map<string, AbortController>())
  const now = state.asked === asked ? state : { ...state, rows: new Map<number, RequestRow>() }
  const show = (from: number, to: number) => {
    for (const [key, abort] of pending.current) {
      if (key.startsWith(`${asked}|`)) continue
      abort.abort()
      pending.current.delete(key)
    }
    for (let block = Math.floor(from / BLOCK); block * BLOCK < to; block++) {
      const key = `${asked}|${block}`
      if (pending.current.has(key) || (state.asked === asked && state.total !== null && block * BLOCK >= state.total))
        continue
      const abort = new AbortController()
      pending.current.set(key, abort)
      getJson<RequestPage>(runPath(id, `/requests?${asked}&from=${block * BLOCK}&count=${BLOCK}`), abort.signal).then(
        (page) => {
          if (abort.signal.aborted) return
          setState((before) => {
            const rows = new Map(before.asked === asked ? before.rows : [])
            for (const [i, row] of page.rows.entries()) rows.set(block * BLOCK + i, row)
            return { asked, rows, total: page.total, problem: null }
          })
        },
        (error: unknown) => {
          pending.current.delete(key)
          if (!abort.signal.aborted)
            setState((before) => ({ ...before, problem: String(error instanceof Error ? error.message : error) }))
        },
      )
    }
  }
  return { ...now, show }
}

import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import { cellsSql, interferenceSql, type StepsFrom } from '../../store/views/interference-sql.ts'
import { countOf, numberOf, oneRow, textOf } from '../rows.ts'
import { type ClassMatrix, classMatrices } from './class-matrix.ts'

/**
 * Who delayed whom: for each request the time that its steps, and steps between them, spent on others. Which requests a step ran is measured (the engine's log) or
 * inferred; how a step's time divides among them is modelled, by tokens.
 */
export interface Interference {
  steps_from: StepsFrom
  /** Of which requests a step ran. */
  confidence: 'measured' | 'inferred'
  /** Requests with tokens whose steps are known. */
  requests: number
  /** Over all of them. */
  total: LedgerParts
  /** Those that lost most, most first. */
  victims: Victim[]
  /** The same by class of prompt, and by session where there are few. */
  matrices: ClassMatrix[]
}

/** A request's time from the send to its last token; `measured_ms` is the sum of the others. */
export interface LedgerParts {
  measured_ms: number
  /** Until the first step that ran it: the way to the engine and its queue. */
  wait_ms: number
  /** Its share of the steps that ran it. */
  own_ms: number
  /** The rest of these steps, and steps between them. */
  lost_ms: number
  /** Between its first and last step: no step ran. Unexplained. */
  between_ms: number
  /** From the end of its last step to the last token at the client. */
  delivery_ms: number
}

export interface Victim extends LedgerParts {
  request_id: number
  prompt_id: string | null
  preemptions: number
  /** Who took it, most first; `lost_ms` is their sum with `others_ms`. */
  lost_to: Culprit[]
  /** Culprits that are not listed. */
  others: number
  others_ms: number
}

export interface Culprit {
  /** Null for requests that are not this run's. */
  request_id: number | null
  ms: number
  /** Of that: it was prefilled. */
  prefill_ms: number
  /** Prompt tokens of it that ran meanwhile. */
  prefill_tokens: number
  /** Of that: steps that did not run the victim, after a preemption or since the step was full. */
  while_out_ms: number
}

const VICTIMS_SHOWN = 10
const CULPRITS_SHOWN = 5

/** Null for a run in which it is not known which requests a step ran. */
export async function interference(reader: RunReader): Promise<Interference | null> {
  const from = await stepsFrom(reader)
  if (from === null) return null
  const sql = interferenceSql(from)
  const sums = ['measured', 'wait', 'own', 'lost', 'between', 'delivery'].map((part) => `sum(${part}_ns) AS ${part}_ns`)
  const total = await oneRow(reader, `WITH ${sql} SELECT count(*) AS n, ${sums.join(', ')} FROM spans`)
  if (countOf(total, 'n') === 0) return null
  return {
    steps_from: from,
    confidence: from === 'step_log' ? 'measured' : 'inferred',
    requests: countOf(total, 'n'),
    total: partsOf(total),
    victims: await victimsOf(reader, from, `ORDER BY lost_ns DESC, request_id LIMIT ${VICTIMS_SHOWN}`),
    matrices: await classMatrices(reader, sql),
  }
}

/** What one request lost, and to whom; null where its steps are not known. */
export async function victimOf(reader: RunReader, requestId: number): Promise<Victim | null> {
  const from = await stepsFrom(reader)
  if (from === null) return null
  const [victim] = await victimsOf(reader, from, `WHERE request_id = ${requestId}`)
  return victim ?? null
}

async function stepsFrom(reader: RunReader): Promise<StepsFrom | null> {
  const row = await oneRow(
    reader,
    `SELECT (SELECT count(*) FROM slices WHERE category = 'scheduled') AS logged,
      (SELECT count(*) FROM links WHERE kind = 'token of step' AND confidence = 'inferred') AS inferred`,
  )
  if (countOf(row, 'logged') > 0) return 'step_log'
  return countOf(row, 'inferred') > 0 ? 'inferred' : null
}

async function victimsOf(reader: RunReader, from: StepsFrom, which: string): Promise<Victim[]> {
  const sql = interferenceSql(from)
  const spans = await reader.query(
    `WITH ${sql} SELECT s.*, r.prompt_id, (SELECT count(*) FROM slices p WHERE p.category = 'preemption' AND p.request_id = s.request_id) AS preemptions
     FROM (SELECT * FROM spans ${which}) s JOIN requests r USING (request_id) ORDER BY lost_ns DESC, request_id`,
  )
  if (spans.length === 0) return []
  const ids = spans.map((row) => countOf(row, 'request_id')).join(', ')
  const cells = await reader.query(
    `WITH ${sql}, ${cellsSql(`request_id IN (${ids})`)}
     SELECT victim_id, culprit_id, sum(ns) AS ns, sum(ns) FILTER (stage = 'prefill') AS prefill_ns, sum(tokens) FILTER (stage = 'prefill') AS prefill_tokens,
       sum(ns) FILTER (NOT together) AS out_ns FROM cells GROUP BY victim_id, culprit_id ORDER BY ns DESC, culprit_id`,
  )
  return spans.map((row) =>
    victim(
      row,
      cells.filter((cell) => countOf(cell, 'victim_id') === countOf(row, 'request_id')),
    ),
  )
}

function victim(row: SqlRow, cells: readonly SqlRow[]): Victim {
  const culprits = cells.map(
    (cell): Culprit => ({
      request_id: numberOf(cell, 'culprit_id'),
      ms: countOf(cell, 'ns') / 1e6,
      prefill_ms: countOf(cell, 'prefill_ns') / 1e6,
      prefill_tokens: countOf(cell, 'prefill_tokens'),
      while_out_ms: countOf(cell, 'out_ns') / 1e6,
    }),
  )
  const rest = culprits.slice(CULPRITS_SHOWN)
  return {
    request_id: countOf(row, 'request_id'),
    prompt_id: textOf(row, 'prompt_id'),
    ...partsOf(row),
    preemptions: countOf(row, 'preemptions'),
    lost_to: culprits.slice(0, CULPRITS_SHOWN),
    others: rest.length,
    others_ms: rest.reduce((sum, { ms }) => sum + ms, 0),
  }
}

function partsOf(row: SqlRow): LedgerParts {
  const ms = (part: string) => countOf(row, `${part}_ns`) / 1e6
  return {
    measured_ms: ms('measured'),
    wait_ms: ms('wait'),
    own_ms: ms('own'),
    lost_ms: ms('lost'),
    between_ms: ms('between'),
    delivery_ms: ms('delivery'),
  }
}

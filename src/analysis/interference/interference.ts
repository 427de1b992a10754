import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import { cellsSql, SPANS_SQL, type StepsFrom, workSql } from '../../store/views/interference-sql.ts'
import { countOf, numberOf, oneRow, textOf } from '../rows.ts'
import { type ClassMatrix, classMatrices } from './class-matrix.ts'
import { keepStepEnergy, STEP_ENERGY, type StepEnergy } from './step-energy.ts'

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
  /** The energy of the steps; null where no power is known, and every `_j` with it. */
  energy: StepEnergy | null
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
  /** Energy of the same parts, J: from its first step to the end of its last one, the energy is their sum. */
  own_j: number | null
  lost_j: number | null
  between_j: number | null
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
  others_j: number | null
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
  /** Energy of its work meanwhile: its share of the steps' energy, as `ms` is of their time. */
  j: number | null
}

const VICTIMS_SHOWN = 10
const CULPRITS_SHOWN = 5

/** Null for a run in which it is not known which requests a step ran. */
export async function interference(reader: RunReader): Promise<Interference | null> {
  const kept = await keepLedger(reader)
  if (kept === null) return null
  const { from, energy } = kept
  const times = ['measured', 'wait', 'own', 'lost', 'between', 'delivery'].map(
    (part) => `sum(${part}_ns) AS ${part}_ns`,
  )
  const joules = ['own', 'lost', 'between'].map((part) => `sum(${part}_j) AS ${part}_j`)
  const total = await oneRow(reader, `SELECT count(*) AS n, ${[...times, ...joules].join(', ')} FROM ${SPANS}`)
  if (countOf(total, 'n') === 0) return null
  return {
    steps_from: from,
    confidence: from === 'step_log' ? 'measured' : 'inferred',
    requests: countOf(total, 'n'),
    energy,
    total: partsOf(total),
    victims: await victimsOf(reader, `ORDER BY lost_ns DESC, request_id LIMIT ${VICTIMS_SHOWN}`),
    matrices: await classMatrices(reader, KEPT),
  }
}

/** What one request lost, and to whom; null where its steps are not known. */
export async function victimOf(reader: RunReader, requestId: number): Promise<Victim | null> {
  if ((await keepLedger(reader)) === null) return null
  const [victim] = await victimsOf(reader, `WHERE request_id = ${requestId}`)
  return victim ?? null
}

const SHARES = 'ledger_shares'
const WORK = 'ledger_work'
const SPANS = 'ledger_spans'
/** CTEs over what is kept, under the names that the SQL of the views has. */
const KEPT = `spans AS (SELECT * FROM ${SPANS}), work AS (SELECT * FROM ${WORK})`

/** Makes the ledger once, in tables of the reader's own: all figures are taken from these. Null where steps are not known. */
async function keepLedger(reader: RunReader): Promise<{ from: StepsFrom; energy: StepEnergy | null } | null> {
  const from = await stepsFrom(reader)
  if (from === null) return null
  await reader.keep(SHARES, `WITH ${workSql(from)} SELECT * FROM work`)
  const energy = await keepStepEnergy(reader, SHARES)
  await (energy === null ? keepTimes(reader) : keepTimesAndEnergy(reader))
  return { from, energy }
}

async function keepTimes(reader: RunReader): Promise<void> {
  const none = (of: string) => `NULL::DOUBLE AS ${of}_j`
  await reader.keep(WORK, `SELECT *, ${none('work')} FROM ${SHARES}`)
  const parts = ['own', 'lost', 'between'].map(none).join(', ')
  await reader.keep(SPANS, `WITH work AS (SELECT * FROM ${SHARES}), ${SPANS_SQL} SELECT *, ${parts} FROM spans`)
}

/** Each share of a step also in J: of the energy between its start and its end, what it is of its time. */
async function keepTimesAndEnergy(reader: RunReader): Promise<void> {
  await reader.keep(
    WORK,
    `SELECT w.*, (b.j - a.j) * coalesce(w.work_ns / nullif(w.upto_ns - w.from_ns, 0), 0) AS work_j, a.j AS from_j, b.j AS upto_j
     FROM ${SHARES} w LEFT JOIN ${STEP_ENERGY} a ON a.at_ns = w.from_ns LEFT JOIN ${STEP_ENERGY} b ON b.at_ns = w.upto_ns`,
  )
  await reader.keep(
    SPANS,
    `WITH work AS (SELECT * FROM ${WORK}), ${SPANS_SQL},
     spent AS (SELECT track_id, i, from_j, upto_j, sum(upto_j - from_j) OVER (PARTITION BY track_id ORDER BY i ROWS UNBOUNDED PRECEDING) AS j FROM work WHERE request_id IS NULL),
     own_j AS (SELECT s.request_id, sum(w.work_j) AS j FROM spans s JOIN work w ON w.request_id = s.request_id AND w.track_id = s.track_id AND w.i BETWEEN s.i0 AND s.i1 GROUP BY ALL)
     SELECT s.*, o.j AS own_j, z.j - a.j + a.upto_j - a.from_j - o.j AS lost_j, z.upto_j - a.from_j - (z.j - a.j + a.upto_j - a.from_j) AS between_j
     FROM spans s JOIN own_j o USING (request_id) JOIN spent z ON z.track_id = s.track_id AND z.i = s.i1 JOIN spent a ON a.track_id = s.track_id AND a.i = s.i0`,
  )
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

async function victimsOf(reader: RunReader, which: string): Promise<Victim[]> {
  const spans = await reader.query(
    `WITH ${KEPT} SELECT s.*, r.prompt_id, (SELECT count(*) FROM slices p WHERE p.category = 'preemption' AND p.request_id = s.request_id) AS preemptions
     FROM (SELECT * FROM spans ${which}) s JOIN requests r USING (request_id) ORDER BY lost_ns DESC, request_id`,
  )
  if (spans.length === 0) return []
  const ids = spans.map((row) => countOf(row, 'request_id')).join(', ')
  const cells = await reader.query(
    `WITH ${KEPT}, ${cellsSql(`request_id IN (${ids})`, ', sum(w.work_j) AS j')}
     SELECT victim_id, culprit_id, sum(ns) AS ns, sum(j) AS j, sum(ns) FILTER (stage = 'prefill') AS prefill_ns, sum(tokens) FILTER (stage = 'prefill') AS prefill_tokens,
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
      j: numberOf(cell, 'j'),
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
    others_j: numberOf(row, 'lost_j') === null ? null : rest.reduce((sum, { j }) => sum + (j ?? 0), 0),
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
    own_j: numberOf(row, 'own_j'),
    lost_j: numberOf(row, 'lost_j'),
    between_j: numberOf(row, 'between_j'),
  }
}

import type { RunReader } from '../../store/read/run-reader.ts'
import type { BookCheck } from '../../trace/run-json.ts'
import { countOf, oneRow } from '../rows.ts'
import { compared, unchecked } from './book.ts'

/** A stage may be short of the next by so much before it contradicts it: times are doubles of ns. */
const ROUNDING_NS = 1000

/** The stages of each answered request, none of them counted below zero, and its time from being due to its end. */
export async function stageBook(reader: RunReader): Promise<BookCheck> {
  const of = { check: 'stages', left: 'stages of the requests, none below zero', right: 'due to end', unit: 'ns' }
  const stages = [
    'sent_ns - scheduled_ns',
    'first_token_ns - sent_ns',
    'last_token_ns - first_token_ns',
    'end_ns - last_token_ns',
  ]
  const row = await oneRow(
    reader,
    `SELECT count(*) AS n, sum(${stages.map((each) => `greatest(0, ${each})`).join(' + ')}) AS stages, sum(end_ns - scheduled_ns) AS whole
     FROM requests WHERE status = 'ok' AND first_token_ns IS NOT NULL AND sent_ns IS NOT NULL AND last_token_ns IS NOT NULL AND end_ns IS NOT NULL`,
  )
  const n = countOf(row, 'n')
  if (n === 0) return unchecked(of, 'no request has all its stages')
  return compared({
    ...of,
    left_value: countOf(row, 'stages'),
    right_value: countOf(row, 'whole'),
    bound: n * ROUNDING_NS,
  })
}

/** The tokens of the requests in each step, and the step's own, where the step ran no other requests. */
export async function stepShareBook(reader: RunReader): Promise<BookCheck> {
  const of = {
    check: 'step_shares',
    left: 'tokens of the requests in each step',
    right: "the steps' own",
    unit: 'tokens',
  }
  const row = await oneRow(
    reader,
    `SELECT count(*) AS n, sum(abs(s.tokens - p.tokens)) AS apart, sum(p.tokens) AS parts, sum(s.tokens) AS whole
     FROM (SELECT slice_id, tokens::DOUBLE AS tokens FROM slices WHERE category = 'step' AND args IS NULL) s
     JOIN (SELECT step_id, sum(tokens)::DOUBLE AS tokens FROM slices WHERE category = 'scheduled' GROUP BY 1) p ON p.step_id = s.slice_id`,
  )
  if (countOf(row, 'n') === 0) return unchecked(of, "the engine's log of its steps was not recorded")
  // Differences of single steps must not cancel each other out.
  const whole = countOf(row, 'whole')
  const sign = countOf(row, 'parts') < whole ? -1 : 1
  return compared({ ...of, left_value: whole + sign * countOf(row, 'apart'), right_value: whole, bound: 0 })
}

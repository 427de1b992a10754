import type { RunReader } from '../../store/read/run-reader.ts'
import type { BookCheck } from '../../trace/run-json.ts'
import type { EngineFigures } from '../engine/engine-figures.ts'
import { IS_TOKEN_EVENT } from '../populations.ts'
import { many } from '../quantity.ts'
import { countOf, numberOf, oneRow } from '../rows.ts'
import { compared, unchecked } from './book.ts'

/** Tokens of the events at the socket, and the server's usage, of the requests of which both are known. */
export async function eventTokenBook(reader: RunReader): Promise<BookCheck> {
  const of = {
    check: 'tokens_events',
    left: 'tokens of the events at the socket',
    right: "the server's usage",
    unit: 'tokens',
  }
  const found = await besideUsage(
    reader,
    `SELECT request_id, sum(tokens) AS tokens FROM chunks WHERE ${IS_TOKEN_EVENT} OR tokens > 0 GROUP BY 1 HAVING count(*) = count(tokens)`,
  )
  if (found === null) return unchecked(of, 'no server reported how many tokens its events hold')
  return compared({ ...of, left_value: found.tokens, right_value: found.used, bound: 0 })
}

/** The server's usage, and what its own counters grew by. Its pages have to span the run, and each request has to be answered. */
export async function engineTokenBook(reader: RunReader, engine: EngineFigures | null): Promise<BookCheck> {
  const of = { check: 'tokens_engine', left: "the server's usage", right: "the engine's counters", unit: 'tokens' }
  const grown = engine === null ? null : engine.generation_tokens
  if (grown === null) return unchecked(of, "the engine's counters were not recorded (--engine-metrics)")
  const row = await oneRow(
    reader,
    `SELECT sum(output_tokens) FILTER (token_source = 'usage') AS used, count(*) FILTER (sent_ns IS NOT NULL AND (status <> 'ok' OR token_source <> 'usage')) AS unknown,
      min(first_token_ns) AS first, max(last_token_ns) AS last,
      (SELECT min(t_ns) FROM counters JOIN tracks USING (track_id) WHERE layer = 'engine') AS from_ns,
      (SELECT max(t_ns) FROM counters JOIN tracks USING (track_id) WHERE layer = 'engine') AS to_ns
     FROM requests`,
  )
  const unknown = countOf(row, 'unknown')
  if (unknown > 0)
    return unchecked(of, `${many('request', unknown)} without usage: what the engine made for them is not known`)
  const [first, last] = [numberOf(row, 'first'), numberOf(row, 'last')]
  if (first === null || last === null) return unchecked(of, 'no request was answered')
  if (countOf(row, 'from_ns') > first || countOf(row, 'to_ns') < last)
    return unchecked(of, "the engine's pages do not span the run")
  if ((engine?.restarts ?? 0) > 0) return unchecked(of, "the engine's counters restarted")
  return compared({ ...of, left_value: countOf(row, 'used'), right_value: grown, bound: 0 })
}

/** The server's usage, and what came out of the engine's steps, of the requests in its log. */
export async function stepTokenBook(reader: RunReader): Promise<BookCheck> {
  const of = {
    check: 'tokens_steps',
    left: "the server's usage",
    right: "tokens out of the engine's steps",
    unit: 'tokens',
  }
  const found = await besideUsage(
    reader,
    `SELECT request_id, sum(coalesce((args->>'emitted')::DOUBLE, CASE WHEN name = 'chunked prefill' THEN 0 ELSE 1 END)) AS tokens
     FROM named_slices WHERE category = 'scheduled' GROUP BY 1`,
  )
  if (found === null) return unchecked(of, "the engine's log of its steps was not recorded")
  return compared({ ...of, left_value: found.used, right_value: found.tokens, bound: 0 })
}

/** The server's usage beside another count of the same tokens, `counted(request_id, tokens)`, over the requests that have both; null where none has. */
async function besideUsage(reader: RunReader, counted: string): Promise<{ used: number; tokens: number } | null> {
  const row = await oneRow(
    reader,
    `SELECT count(*) AS n, sum(r.output_tokens) AS used, sum(c.tokens) AS tokens
     FROM (SELECT * FROM requests WHERE status = 'ok' AND token_source = 'usage') r JOIN (${counted}) c USING (request_id)`,
  )
  return countOf(row, 'n') === 0 ? null : { used: countOf(row, 'used'), tokens: countOf(row, 'tokens') }
}

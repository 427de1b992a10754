import type { RunReader } from '../../store/read/run-reader.ts'
import { MEASURED } from '../populations.ts'
import { countOf, oneRow, textOf } from '../rows.ts'

/** What answers lacked or held beside tokens; of measured requests. */
export interface AnswerFacts {
  /** Ended as they should, and without a token. */
  empty: number
  /** Errors within a stream or a body under HTTP 200. */
  errors_under_200: number
  /** With text in a shape that is not known, or with events that were passed over; how many events. */
  unread_requests: number
  unread_events: number
  /** What was odd about the first of them. */
  unread_note: string | null
  /** Complete, though neither [DONE] nor the end of the body came. */
  not_ended: number
}

/** Definitions: docs/metrics.md. */
export async function answerFacts(reader: RunReader): Promise<AnswerFacts> {
  const row = await oneRow(
    reader,
    `SELECT count(*) FILTER (status = 'empty') AS empty,
      count(*) FILTER (status = 'http_error' AND http_status BETWEEN 200 AND 299) AS errors_under_200,
      count(unread_events) AS unread_requests, coalesce(sum(unread_events), 0) AS unread_events,
      arg_min(note, request_id) FILTER (unread_events > 0) AS unread_note,
      count(*) FILTER (note IS NOT NULL AND unread_events IS NULL) AS not_ended FROM ${MEASURED}`,
  )
  return {
    empty: countOf(row, 'empty'),
    errors_under_200: countOf(row, 'errors_under_200'),
    unread_requests: countOf(row, 'unread_requests'),
    unread_events: countOf(row, 'unread_events'),
    unread_note: textOf(row, 'unread_note'),
    not_ended: countOf(row, 'not_ended'),
  }
}

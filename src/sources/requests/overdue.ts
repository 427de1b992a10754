import type { Answer } from './answer.ts'
import type { RequestRecord } from './request-record.ts'
import type { Timeouts } from './target.ts'

/** After `[DONE]`, or finish reason and usage, the answer is complete, whether or not its framing ends. */
const AFTER_DONE_NS = 1e9
/** An error's body is one sentence: reading stops at this length. */
const ERROR_BODY_MS = 10_000
const MS = 1e6

/**
 * The effect of a passed deadline: the answer is complete, or refused with the part of the reason that arrived, or it
 * is late.
 */
export type Overdue = 'complete' | 'refused' | { readonly late: string }

/** The deadline that a request has passed; null: none. `writtenNs`: when this attempt was written, NaN before that. */
export function overdue(
  record: RequestRecord,
  answer: Answer,
  writtenNs: number,
  limits: Timeouts,
  nowNs: number,
): Overdue | null {
  const { stream } = answer
  const past = (sinceNs: number, ms: number) => ms > 0 && nowNs - sinceNs > ms * MS
  if (past(record.handedNs, limits.totalMs) && Number.isNaN(stream.endedNs))
    return { late: `not finished within ${limits.totalMs} ms (total timeout)` }
  if (Number.isNaN(writtenNs)) {
    if (!past(record.connectStartNs, limits.connectMs)) return null
    return { late: `no connection within ${limits.connectMs} ms (connect timeout)` }
  }
  if (nowNs - stream.endedNs > AFTER_DONE_NS || past(stream.finishedNs, limits.idleMs)) return 'complete'
  if (answer.reading === 'error' && past(record.headersNs, Math.min(ERROR_BODY_MS, limits.idleMs || ERROR_BODY_MS))) {
    // The part of the reason that arrived must do: a body that drips stays within every other limit.
    return 'refused'
  }
  if (answer.reading === 'whole' && past(record.headersNs, limits.firstTokenMs))
    return { late: `not whole within ${limits.firstTokenMs} ms of its headers (first-token timeout)` }
  if (answer.waitsForFirst && answer.reading !== 'error') {
    const sinceNs = Number.isNaN(record.sentNs) ? writtenNs : record.sentNs
    return past(sinceNs, limits.firstTokenMs)
      ? { late: `no token within ${limits.firstTokenMs} ms (first-token timeout)` }
      : null
  }
  if (!past(answer.reading === 'events' ? stream.progressNs : answer.lastReadNs, limits.idleMs)) return null
  const what = answer.reading === 'events' ? 'no token' : 'nothing'
  return { late: `${what} came for ${limits.idleMs} ms ${answer.progress()} (idle timeout)` }
}

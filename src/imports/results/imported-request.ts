import { codeOf } from '../../trace/columns.ts'
import { CHUNK_KINDS, PHASES, STATUSES, type Status, TOKEN_SOURCES } from '../../trace/tables.ts'
import type { RunWriter } from '../run-writer.ts'

/** One request as a result file tells of it; times in ns since the run's epoch. */
export interface ImportedRequest {
  readonly promptId?: string | null
  readonly sessionId?: string | null
  readonly turn?: number | null
  readonly scheduledNs: number
  readonly sentNs: number | null
  readonly headersNs?: number | null
  readonly firstTokenNs?: number | null
  readonly lastTokenNs?: number | null
  readonly endNs?: number | null
  readonly connReused?: boolean | null
  readonly status: Status
  readonly httpStatus?: number | null
  readonly error?: string | null
  readonly inputTokens?: number | null
  readonly outputTokens?: number | null
  readonly cachedTokens?: number | null
  readonly reasoningTokens?: number | null
  readonly tokenSource?: (typeof TOKEN_SOURCES)[number] | null
  readonly phase?: (typeof PHASES)[number]
  readonly repeat?: number
  readonly model?: string | null
  readonly attrs?: Record<string, unknown>
  readonly txBytes?: number | null
  readonly rxBytes?: number | null
  /** Times of its streamed events, ascending; none where the file has none. */
  readonly events?: readonly number[]
  /** Events of one stamp came in one read. */
  readonly sharedStampsAreReads?: boolean
}

const CONTENT = codeOf(CHUNK_KINDS, 'content')

/** Writes a request and its events. */
export function appendRequest(run: RunWriter, request: ImportedRequest): void {
  const id = run.nextRequestId()
  const { events = [] } = request
  let maxGap: number | null = null
  events.forEach((t, index) => {
    const before = events[index - 1]
    if (before !== undefined) maxGap = Math.max(maxGap ?? 0, t - before)
    const shared = request.sharedStampsAreReads === true && (t === before || t === events[index + 1])
    run.writers.chunks.append({
      request_id: id,
      index,
      t_ns: t,
      late_ns: 0,
      bytes: 0,
      kind: CONTENT,
      coalesced: shared,
    })
  })
  const last = request.endNs ?? request.lastTokenNs ?? request.sentNs ?? request.scheduledNs
  run.until(last)
  run.writers.requests.append({
    request_id: id,
    shard: 0,
    prompt_id: request.promptId ?? null,
    session_id: request.sessionId ?? null,
    turn: request.turn ?? null,
    scheduled_ns: request.scheduledNs,
    conn_reused: request.connReused ?? null,
    sent_ns: request.sentNs,
    headers_ns: request.headersNs ?? null,
    first_token_ns: request.firstTokenNs ?? null,
    last_token_ns: request.lastTokenNs ?? null,
    end_ns: request.endNs ?? null,
    max_gap_ns: maxGap,
    status: codeOf(STATUSES, request.status),
    http_status: request.httpStatus ?? null,
    error: request.error ?? null,
    input_tokens: request.inputTokens ?? null,
    output_tokens: request.outputTokens ?? null,
    cached_tokens: request.cachedTokens ?? null,
    reasoning_tokens: request.reasoningTokens ?? null,
    token_source: request.tokenSource == null ? null : codeOf(TOKEN_SOURCES, request.tokenSource),
    phase: codeOf(PHASES, request.phase ?? 'measured'),
    repeat: request.repeat ?? 0,
    tx_bytes: request.txBytes ?? null,
    rx_bytes: request.rxBytes ?? null,
    model: request.model ?? null,
    attrs: request.attrs === undefined ? null : JSON.stringify(request.attrs),
    profiled: false,
  })
}

import type { RowInput } from '../../trace/columns.ts'
import type { RowWriter } from '../../trace/row-writer.ts'
import { PHASES, type requests, STAGES, STATUSES, TOKEN_SOURCES, type texts } from '../../trace/tables.ts'
import { promptJson } from './request-body.ts'
import type { RequestPlan } from './request-plan.ts'
import type { RequestRecord } from './request-record.ts'
import type { TokenStream } from './stream/token-stream.ts'

export function appendRequestRow(
  writer: RowWriter<typeof requests>,
  shard: number,
  plan: RequestPlan,
  record: RequestRecord,
  serverRequestId: string | null,
): void {
  writer.append({
    request_id: plan.requestId,
    server_request_id: serverRequestId,
    shard,
    source_run: null,
    prompt_id: plan.promptId,
    session_id: plan.sessionId,
    turn: plan.turn,
    stage: plan.stage == null ? null : STAGES.indexOf(plan.stage),
    size: plan.size,
    requested_unit: plan.requestedUnit,
    scheduled_ns: plan.scheduledNs,
    connect_start_ns: record.connectStartNs,
    connected_ns: record.connectedNs,
    conn_reused: record.connReused,
    sent_ns: record.sentNs,
    headers_ns: record.headersNs,
    first_token_ns: record.firstTokenNs,
    last_token_ns: record.lastTokenNs,
    end_ns: record.endNs,
    max_gap_ns: record.maxGapNs,
    status: STATUSES.indexOf(record.status),
    http_status: record.httpStatus,
    error: record.error,
    finish_reason: record.finishReason,
    input_tokens: record.inputTokens,
    output_tokens: record.outputTokens,
    cached_tokens: record.cachedTokens,
    reasoning_tokens: record.reasoningTokens,
    requested_tokens: plan.maxTokens,
    intended_input_tokens: plan.intendedInputTokens,
    intended_cached_tokens: plan.intendedCachedTokens,
    phase: PHASES.indexOf(plan.phase),
    repeat: plan.repeat,
    attrs: plan.attrs,
    token_source: record.tokenSource === null ? null : TOKEN_SOURCES.indexOf(record.tokenSource),
    tx_bytes: record.txBytes,
    rx_bytes: record.rxBytes,
    model: plan.model,
    endpoint: record.endpoint,
    profiled: false,
    held_ns: plan.heldNs,
    retries: record.retries,
    local_port: record.localPort,
    unread_events: record.unreadEvents === 0 ? null : record.unreadEvents,
    note: record.note,
  } satisfies Record<keyof RowInput<typeof requests>, unknown>)
}

export function appendTextRow(
  writer: RowWriter<typeof texts>,
  plan: RequestPlan,
  stream: TokenStream,
  keepTokenIds: boolean,
): void {
  writer.append({
    request_id: plan.requestId,
    prompt: typeof plan.prompt === 'string' ? plan.prompt : promptJson(plan.prompt),
    output: stream.output,
    reasoning: stream.reasoning === '' ? null : stream.reasoning,
    token_ids: keepTokenIds && stream.idCount !== null ? JSON.stringify(stream.tokenIds) : null,
  })
}

import { z } from 'zod'
import type { Behaviour } from './behaviour.ts'
import { ChunkJson } from './chunk-json.ts'
import { type Completion, readCompletion } from './completion.ts'
import type { Connection } from './connection.ts'
import { Framing } from './framing.ts'
import type { HttpRequest } from './http-request.ts'
import type { Pacer } from './pacer.ts'
import { commonHeaders, endAnswer, errorReply, type Reply, sendHead, sendReply, statusLine } from './reply.ts'
import { type Slots, serviceNs } from './slots.ts'
import { bodyBytes, StreamedAnswer } from './streamed-answer.ts'
import type { RequestTruth, TruthBook } from './truth.ts'
import { UnpacedAnswer, type UnpacedRing } from './unpaced-answer.ts'

const HTML = '<!doctype html><html><head><title>Welcome</title></head><body><h1>It works</h1></body></html>'

export interface AnswerContext {
  readonly book: TruthBook
  readonly pacer: Pacer
  readonly ring: UnpacedRing
  readonly slots: Slots
  readonly models: readonly string[]
  readonly maxModelLen: number
  readonly defaults: () => unknown
}

/** Answers a completion request as its behaviour says. */
export function answerCompletion(
  request: HttpRequest,
  connection: Connection,
  chat: boolean,
  context: AnswerContext,
): void {
  let completion: Completion
  try {
    completion = readCompletion(request, chat, context.defaults())
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : String(error)
    sendReply(request, connection, errorReply(400, message))
    return
  }
  const b = completion.behaviour
  after(b.headers_ms, () => {
    if (b.fault === 'rst_head') connection.reset()
    else if (b.fault === 'fin_head') connection.socket.end()
    else if (b.fault !== 'stall_head') respond(request, connection, completion, context)
  })
}

function respond(request: HttpRequest, connection: Connection, c: Completion, context: AnswerContext): void {
  const refusal = refuse(c, context)
  if (refusal !== null) {
    sendReply(request, connection, refusal, c.behaviour)
    return
  }
  const truth = context.book.open(request.headers.get('x-request-id'), request.receivedNs, c.promptTokens)
  connection.onClose = () => {
    truth.aborted_ns = connection.now()
  }
  if (c.stream) stream(request, connection, c, truth, context)
  else whole(request, connection, c, truth, context)
}

function refuse(c: Completion, context: AnswerContext): Reply | null {
  const b = c.behaviour
  if (b.redirect !== null) return { status: 307, headers: `location: ${b.redirect}\r\n`, body: '' }
  if (b.page === 'html') return { status: b.status, type: 'text/html; charset=utf-8', body: HTML }
  if (b.page === 'empty') return { status: b.status, body: '' }
  if (b.status !== 200) return errorReply(b.status, b.message ?? refusalText(b), retryAfter(b))
  if (!context.models.includes(c.model)) return errorReply(404, `The model \`${c.model}\` does not exist.`)
  if (c.promptTokens + c.tokens > context.maxModelLen) {
    return errorReply(
      400,
      `This model's maximum context length is ${context.maxModelLen} tokens. However, you requested ` +
        `${c.promptTokens + c.tokens} tokens (${c.promptTokens} in the prompt, ${c.tokens} for the completion).`,
    )
  }
  return null
}

function refusalText(b: Behaviour): string {
  return b.status === 429 ? 'Rate limit reached' : b.status === 401 ? 'Unauthorized' : `refused with ${b.status}`
}

function retryAfter(b: Behaviour): string {
  return b.retry_after === null ? '' : `retry-after: ${b.retry_after}\r\n`
}

function stream(
  request: HttpRequest,
  connection: Connection,
  c: Completion,
  truth: RequestTruth,
  context: AnswerContext,
): void {
  const b = c.behaviour
  const framing = new Framing(b)
  const length = b.framing === 'content_length' ? bodyBytes(c, new Framing(b)) : 0
  const head =
    statusLine(200) +
    commonHeaders(request, b) +
    'content-type: text/event-stream; charset=utf-8\r\n' +
    framing.headers(length)
  const done = () => endAnswer(request, connection, b)
  sendHead(connection, head, b, () => {
    if (b.unpaced) context.ring.add(new UnpacedAnswer(c, connection, framing, truth, context.book, done))
    else {
      const startNs = b.slots === 0 ? truth.received_ns : context.slots.take(b.slots, truth.received_ns, serviceNs(c))
      context.pacer.add(new StreamedAnswer(c, connection, framing, truth, startNs, context.book, done))
    }
  })
}

function whole(
  request: HttpRequest,
  connection: Connection,
  c: Completion,
  truth: RequestTruth,
  context: AnswerContext,
): void {
  const b = c.behaviour
  const lastMs = b.unpaced ? 0 : b.ttft_ms + Math.max(0, Math.ceil(c.tokens / b.tokens_per_event) - 1) * b.itl_ms
  context.pacer.add({
    dueNs: truth.received_ns + lastMs * 1e6,
    run: (nowNs) => {
      context.book.event(truth, nowNs, 'c', c.tokens)
      sendReply(request, connection, { status: 200, body: new ChunkJson(c).whole() }, b)
      return false
    },
  })
}

function after(ms: number, work: () => void): void {
  if (ms === 0) work()
  else setTimeout(work, ms)
}

import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EngineModel } from '../engine-model.ts'
import type { Generation } from '../generation.ts'
import type { Scheduler } from '../scheduler.ts'
import { type Output, TokenOutput } from '../text/token-output.ts'
import { toApiError } from './api-error.ts'
import { sendError, sendJson } from './http-body.ts'
import { DONE_EVENT, type ResponseHead, StreamEvents, wholeResponse } from './responses.ts'

export interface AnswerParts {
  model: EngineModel
  name: string
  scheduler: Scheduler
}

const LONGEST_ID = 200

/** Submits a generation and answers it; a client that goes away stops it. Throws 503 when the queue is full. */
export function answer(
  request: IncomingMessage,
  response: ServerResponse,
  generation: Generation,
  parts: AnswerParts,
): void {
  const { model, name, scheduler } = parts
  const head = responseHead(request, generation, name)
  const output = new TokenOutput({
    stops: generation.stops,
    maxTokens: generation.maxTokens,
    endsText: model.endsText,
    detokenize: model.tokenText,
  })
  const sink = generation.stream ? streamTo(response, head) : collectFor(response, head)
  const cancel = scheduler.submit({
    promptTokens: generation.promptTokens,
    sampling: generation.sampling,
    onStart: (cachedTokens) => {
      head.cachedTokens = cachedTokens
      sink.start()
    },
    onToken: (token) => {
      const ready = output.push(token)
      if (ready === undefined) return undefined
      sink.send(ready, output.count)
      return ready.finishReason
    },
    onError: sink.fail,
  })
  sink.accepted()
  response.on('close', () => {
    if (!response.writableEnded) cancel()
  })
}

interface Sink {
  accepted(): void
  start(): void
  send(output: Output, completionTokens: number): void
  fail(error: unknown): void
}

/** Headers go out when the request is taken, a chat's role when a sequence begins with it, then one event a token. */
function streamTo(response: ServerResponse, head: ResponseHead): Sink {
  const events = new StreamEvents(head)
  return {
    accepted: () => {
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
        'x-request-id': requestId(head),
      })
      response.flushHeaders()
    },
    start: () => {
      const start = events.start()
      if (start !== '') response.write(start)
    },
    send: (output, completionTokens) => {
      const event = events.token(output, completionTokens)
      if (output.finishReason === undefined) response.write(event)
      else response.end(event + events.end(completionTokens))
    },
    fail: (error) => response.end(`data: ${toApiError(error).body}\n\n${DONE_EVENT}`),
  }
}

function collectFor(response: ServerResponse, head: ResponseHead): Sink {
  let text = ''
  const tokens: number[] = []
  return {
    accepted: () => {},
    start: () => {},
    send: (output) => {
      text += output.text
      tokens.push(...output.tokens)
      if (output.finishReason === undefined) return
      sendJson(response, 200, wholeResponse(head, text, tokens, output.finishReason), {
        'x-request-id': requestId(head),
      })
    },
    fail: (error) => sendError(response, error),
  }
}

function responseHead(request: IncomingMessage, generation: Generation, model: string): ResponseHead {
  const given = request.headers['x-request-id']
  const id = typeof given === 'string' && given !== '' ? given.slice(0, LONGEST_ID) : randomUUID().replaceAll('-', '')
  const { endpoint, promptTokens, returnTokenIds, includeUsage, continuousUsage } = generation
  return {
    endpoint,
    id: `${endpoint === 'chat' ? 'chatcmpl' : 'cmpl'}-${id}`,
    created: Math.floor(Date.now() / 1000),
    model,
    promptTokens,
    cachedTokens: 0,
    returnTokenIds,
    includeUsage,
    continuousUsage,
  }
}

function requestId(head: ResponseHead): string {
  return head.id.slice(head.id.indexOf('-') + 1)
}

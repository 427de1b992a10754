import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { EngineModel } from '../engine-model.ts'
import { checkModel, readGeneration, renderMessages } from '../generation.ts'
import { Scheduler } from '../scheduler.ts'
import type { ServerArguments } from '../server-arguments.ts'
import { type AnswerParts, answer } from './answer.ts'
import { ApiError } from './api-error.ts'
import { readJson, sendError, sendJson, sendText } from './http-body.ts'
import { Metrics } from './metrics.ts'
import { parseDetokenize, parseTokenize } from './request-schema.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** method -> handler, by path. */
type Routes = Record<string, Record<string, Handler>>

/** The engine's HTTP server: it answers 503 until `serve` gives it the loaded model. */
export function createEngineServer(options: ServerArguments): { server: Server; serve(model: EngineModel): void } {
  let routes: Routes | undefined
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    handle(routes, request, response).catch((error: unknown) => sendError(response, error))
  })
  return {
    server,
    serve: (model) => {
      routes = engineRoutes(options, model)
    },
  }
}

async function handle(routes: Routes | undefined, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.socket?.setNoDelay(true)
  if (routes === undefined) throw new ApiError(503, 'The model is still being loaded.', { code: 'loading' })
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  const methods = Object.hasOwn(routes, path) ? routes[path] : undefined
  if (methods === undefined) {
    throw new ApiError(404, `There is no ${path}; there is ${Object.keys(routes).join(', ')}.`, { code: 'not_found' })
  }
  const handler = methods[request.method ?? 'GET']
  if (handler === undefined) {
    response.setHeader('allow', Object.keys(methods).join(', '))
    throw new ApiError(405, `${request.method} ${path} is not allowed; use ${Object.keys(methods).join(' or ')}.`)
  }
  await handler(request, response)
}

function engineRoutes(options: ServerArguments, model: EngineModel): Routes {
  const metrics = new Metrics(options.name)
  const scheduler = new Scheduler(model.sequences, metrics, {
    queue: options.queue,
    batchTokens: model.batchTokens,
    contextTokens: model.maxModelLen,
  })
  const parts: AnswerParts = { model, name: options.name, scheduler }
  const card = {
    id: options.name,
    object: 'model',
    created: Math.floor(Date.now() / 1000),
    owned_by: 'layerline',
    root: options.model,
    parent: null,
    max_model_len: model.maxModelLen,
  }
  const models = JSON.stringify({ object: 'list', data: [card] })
  const generate =
    (endpoint: 'chat' | 'completions'): Handler =>
    async (request, response) => {
      const generation = readGeneration(endpoint, await readJson(request), model, options.name)
      if (!response.destroyed) answer(request, response, generation, parts)
    }
  return {
    '/health': { GET: (_request, response) => sendText(response, 200, '') },
    '/metrics': { GET: (_request, response) => sendText(response, 200, metrics.text(scheduler.now)) },
    '/v1/models': { GET: (_request, response) => sendJson(response, 200, models) },
    [`/v1/models/${encodeURIComponent(options.name)}`]: {
      GET: (_request, response) => sendJson(response, 200, JSON.stringify(card)),
    },
    '/v1/completions': { POST: generate('completions') },
    '/v1/chat/completions': { POST: generate('chat') },
    '/tokenize': {
      POST: async (request, response) => {
        const body = parseTokenize(await readJson(request))
        checkModel(body.model, options.name)
        const tokens =
          body.messages === undefined
            ? model.tokenize(body.prompt ?? '', body.add_special_tokens ?? true)
            : model.tokenize(
                renderMessages({ ...body, messages: body.messages }, model),
                body.add_special_tokens ?? false,
              )
        sendJson(response, 200, JSON.stringify({ count: tokens.length, max_model_len: model.maxModelLen, tokens }))
      },
    },
    '/detokenize': {
      POST: async (request, response) => {
        const body = parseDetokenize(await readJson(request))
        checkModel(body.model, options.name)
        sendJson(response, 200, JSON.stringify({ prompt: model.detokenize(body.tokens) }))
      },
    },
  }
}

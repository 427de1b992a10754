import type { AnswerContext } from './answer.ts'
import type { HttpRequest } from './http-request.ts'
import { errorReply, type Reply } from './reply.ts'
import { tokenize } from './words.ts'

/** What an OpenAI-compatible server answers beside completions. */
export function page(request: HttpRequest, path: string, context: AnswerContext): Reply {
  const method = request.method === 'HEAD' ? 'GET' : request.method
  switch (`${method} ${path}`) {
    case 'GET /health':
      return { status: 200, body: '' }
    case 'GET /version':
      return { status: 200, body: '{"version":"0.0.0-paced"}' }
    case 'GET /v1/models':
      return { status: 200, body: models(context) }
    case 'POST /tokenize':
      return tokenized(request, context)
    case 'GET /metrics':
      return { status: 200, type: 'text/plain; version=0.0.4', body: metrics(context) }
    default:
      return { status: 404, body: '{"detail":"Not Found"}' }
  }
}

function models({ models, maxModelLen: max_model_len }: AnswerContext): string {
  const common = { object: 'model', created: 1_790_000_000, owned_by: 'vllm', parent: null, max_model_len }
  return JSON.stringify({ object: 'list', data: models.map((id) => ({ id, root: id, ...common })) })
}

function tokenized(request: HttpRequest, context: AnswerContext): Reply {
  try {
    const { prompt } = JSON.parse(request.body.toString('utf8')) as { prompt?: unknown }
    if (typeof prompt !== 'string') return errorReply(400, 'prompt: expected a string')
    const tokens = tokenize(prompt)
    const body = { count: tokens.length, max_model_len: context.maxModelLen, tokens, token_strs: null }
    return { status: 200, body: JSON.stringify(body) }
  } catch (error) {
    return errorReply(400, String(error))
  }
}

function metrics({ book, models }: AnswerContext): string {
  const counter = (name: string, help: string, value: number) =>
    `# HELP vllm:${name} ${help}\n# TYPE vllm:${name} counter\n` +
    `vllm:${name}{engine="0",model_name="${models[0]}"} ${value}.0\n`
  return (
    counter('prompt_tokens_total', 'Number of prefill tokens processed.', book.promptTokens) +
    counter('generation_tokens_total', 'Number of generation tokens processed.', book.generatedTokens)
  )
}

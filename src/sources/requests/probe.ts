import { z } from 'zod'
import { LayerlineError } from '../../base/errors.ts'
import { askServer, rootPath, type ServerAnswer } from './ask-server.ts'
import { readModelList, type ServedModel } from './model-list.ts'
import { type Redact, redactor } from './secrets.ts'
import { abilitiesOf, type ServerKind, serverKind } from './server-kinds.ts'
import { excerpt } from './stream/answer-error.ts'
import type { Target } from './target.ts'

/** What a server reports about itself. */
export interface ServerInfo {
  /** Empty where it has no list of models. */
  models: ServedModel[]
  server: ServerKind
  version: string | null
  /** The address that answered, and all that the connection tells of its two ends. */
  address: string
  remote: ServerAnswer['remote']
  /** What it sent that could not be read, one sentence each. */
  notes?: readonly string[]
}

/**
 * With these, requests would fail too: no key, a wrong address, no server behind the gateway, a model still loading.
 */
const BLOCKING: ReadonlySet<number> = new Set([401, 502, 503, 504])

/**
 * Asks a server who it is: GET `<base>/models`, and vLLM's `/version`. Throws LayerlineError: unreachable/* where nothing
 * answers, input/* where what answers does not let us in or is not such a server. The list is an optional fact when `model`
 * names one: then `notes` report what could not be read of it.
 */
export async function probeServer(target: Target, model?: string): Promise<ServerInfo> {
  const redact = redactor(target.apiKey, target.headers)
  const answer = await askServer(target, `${target.basePath}/models`)
  const without = async (error: LayerlineError): Promise<ServerInfo> => {
    const moved = answer.status >= 300 && answer.status < 400
    if (model === undefined || moved || BLOCKING.has(answer.status)) throw error
    const server = serverKind([], headerOf(answer))
    const version = await versionOf(target, server, answer)
    return { models: [], server, version, ...endsOf(target, answer), notes: [error.message] }
  }
  if (answer.status !== 200) return without(refusal(answer, redact))
  const list = readModelList(answer.body.json())
  if (list === null) return without(noList(answer, redact))
  const notes = list.notes.map((note) => redact(`${answer.url}: ${note}`))
  if (list.models.length === 0) {
    const hint = 'this server lists no models: name one with --model'
    const said = answer.body.bytes === 0 ? 'an empty body' : excerpt(answer.body.joined())
    return without(new LayerlineError('input/no-models', redact(`${answer.url}: no models in ${said}`), { hint }))
  }
  const { models } = list
  // If a list could not be read to its end, it is unknown what it lacks.
  if (model !== undefined && notes.length > 0 && !models.some(({ id }) => id === model))
    models.push({ id: model, max_model_len: null })
  const server = serverKind(list.owners, headerOf(answer))
  const version = await versionOf(target, server, answer)
  return { models, server, version, ...endsOf(target, answer), ...(notes.length === 0 ? {} : { notes }) }
}

function noList(answer: ServerAnswer, redact: Redact): LayerlineError {
  const type = answer.headers['content-type'] ?? '(none)'
  const got = `content-type ${type}, starting with ${excerpt(answer.body.joined())}`
  return new LayerlineError(
    'input/not-openai',
    redact(`${answer.url}: expected a list of models as JSON, got ${got}`),
    { hint: 'is --url the base of an OpenAI-compatible server, for example http://127.0.0.1:8000?' },
  )
}

function refusal(answer: ServerAnswer, redact: Redact): LayerlineError {
  const { status, url } = answer
  const said = answer.body.message()
  const message = redact(`${url}: HTTP ${status}${said === '' ? '' : `: ${said}`}`)
  if (status === 401 || status === 403) {
    return new LayerlineError('input/unauthorized', message, {
      hint: 'give the API key by the environment or a file; see --help',
    })
  }
  if (status === 404) {
    return new LayerlineError('input/no-models', message, {
      hint: 'this server lists no models there: look at the path of --url, or name one with --model',
    })
  }
  if (status >= 300 && status < 400) {
    const to = redact(String(answer.headers.location ?? 'nowhere'))
    return new LayerlineError('input/redirect', `${url}: HTTP ${status} to ${to}; redirects are not followed`, {
      hint: 'use the address it names as --url',
    })
  }
  return new LayerlineError('unreachable/server-error', message, { hint: 'the server answers, but is not ready' })
}

function headerOf(answer: ServerAnswer): string {
  return String(answer.headers.server ?? '')
}

async function versionOf(target: Target, server: ServerKind, answer: ServerAnswer): Promise<string | null> {
  const product = /^layerline[^/]*\/(\S+)/i.exec(headerOf(answer))
  if (product !== null) return product[1] ?? null
  if (!abilitiesOf(server).tellsVersion) return null
  try {
    const { status, body } = await askServer(target, `${rootPath(target)}/version`)
    const parsed = z.object({ version: z.string() }).safeParse(body.json())
    return status === 200 && parsed.success ? parsed.data.version : null
  } catch {
    return null
  }
}

function endsOf(target: Target, answer: ServerAnswer): Pick<ServerInfo, 'address' | 'remote'> {
  return { address: answer.remote?.address ?? target.host, remote: answer.remote }
}

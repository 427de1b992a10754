import { z } from 'zod'
import { commonHeaders } from '../sources/requests/http/request-head.ts'
import type { ServerInfo } from '../sources/requests/probe.ts'
import { type Target, urlOf } from '../sources/requests/target.ts'
import type { PromptRow } from '../workload/prompts.ts'

const answer = z.object({ count: z.number().int().nonnegative() })

/**
 * The output limit for a request on `/v1/completions` that has none: the model's length less the prompt (the server
 * would cut at 16 tokens). On chat, and where the length is unknown, null: no limit is sent. The prompt is counted by
 * the server's `/tokenize`; where it has none, by its bytes, which are at least as many.
 */
export async function roomFor(
  target: Target,
  server: ServerInfo,
  model: string,
  prompt: PromptRow['prompt'],
): Promise<number | null> {
  const entry = server.models.find(({ id }) => id === model)
  const usesCompletions = target.endpoint === 'completions' || typeof prompt[0] === 'number'
  if (!usesCompletions || entry?.max_model_len === null || entry?.max_model_len === undefined) return null
  const tokens =
    typeof prompt === 'string'
      ? ((await countTokens(target, model, prompt)) ?? Buffer.byteLength(prompt))
      : prompt.length
  return Math.max(1, entry.max_model_len - tokens)
}

const MOST_ANSWER_BYTES = 64 << 20

async function countTokens(target: Target, model: string, prompt: string): Promise<number | null> {
  // Fetch does not know a custom certificate authority; the prompt's bytes are used then.
  if (target.tls && (target.ca !== undefined || target.insecure)) return null
  try {
    const response = await fetch(urlOf(target, `${target.basePath.replace(/\/v\d+$/, '')}/tokenize`), {
      method: 'POST',
      redirect: 'error',
      headers: { ...commonHeaders(target), 'content-type': 'application/json' },
      body: JSON.stringify({ model, prompt }),
      signal: AbortSignal.timeout(10_000),
    })
    const parsed = answer.safeParse(JSON.parse(await shortText(response)))
    return response.ok && parsed.success ? parsed.data.count : null
  } catch {
    return null
  }
}

/** Throws where the answer is longer than a count of tokens with all their ids is. */
async function shortText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength
    if (bytes > MOST_ANSWER_BYTES) throw new Error('too long')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

import type { RequestOutcome } from '../sources/requests/client.ts'
import type { ChatMessage } from '../sources/requests/request-body.ts'
import type { Draft } from './offer.ts'

export interface ConversationOptions {
  /** What the user says, turn by turn. */
  says: readonly string[]
  system: string
  model: string
  sampling: Record<string, unknown>
  seed: number
  maxTokens: number
  /** The id of its first request in the whole schedule. */
  firstRequestId: number
}

/** One user who sends the next turn when the answer has arrived; each request contains the whole conversation. */
export function* conversation(options: ConversationOptions): Generator<Draft, void, RequestOutcome | undefined> {
  const messages: ChatMessage[] = [{ role: 'system', content: options.system }]
  let said = 0
  for (const [turn, content] of options.says.entries()) {
    messages.push({ role: 'user', content })
    const outcome = yield {
      requestId: options.firstRequestId + turn,
      promptId: `turn ${turn + 1}`,
      sessionId: 'conversation',
      turn,
      stage: 'mixed',
      prompt: [...messages],
      maxTokens: options.maxTokens,
      model: options.model,
      sampling: options.sampling,
      seed: options.seed + turn,
      phase: 'measured',
      repeat: 0,
      attrs: null,
      // The earlier turns are in the server's cache, as they would be for any chat.
      intendedCachedTokens: said,
      stream: true,
    }
    if (outcome?.status !== 'ok') return
    said = (outcome.inputTokens ?? 0) + (outcome.outputTokens ?? 0)
    messages.push({ role: 'assistant', content: outcome.text ?? '' })
  }
}

import { describe, expect, it } from 'vitest'
import { promptsForArrivals } from '../src/session/prompts-for-arrivals.ts'
import { probeServer } from '../src/sources/requests/probe.ts'
import { promptJson } from '../src/sources/requests/request-body.ts'
import { resolveTarget } from '../src/sources/requests/target.ts'
import type { Arrival, ArrivalPrompts } from '../src/workload/arrivals/arrival.ts'
import { useRealEngine } from './support/real-engine.ts'

// One sequence: what one request leaves in the cache, the next one finds.
const engine = useRealEngine({ sequences: 1, contextTokens: 2048 })

async function promptsFor(endpoint: 'chat' | 'completions' | null, salt = 'a') {
  const target = resolveTarget({ url: engine.url })
  const server = await probeServer(target)
  return promptsForArrivals({ target, server, model: engine.model, endpoint, tokenizer: undefined, salt })
}

function arrival(index: number, inputTokens: number, more: Partial<Arrival> = {}): Arrival {
  return { index, tUs: 0, inputTokens, outputTokens: 1, session: null, blocks: null, ...more }
}

interface Usage {
  prompt_tokens: number
  prompt_tokens_details?: { cached_tokens: number } | null
}

/** What the engine itself says of a prompt, sent as the client would write it. */
async function usageOf(prompts: ArrivalPrompts, one: Arrival): Promise<Usage> {
  const prompt = prompts.promptOf(one)
  const path = typeof prompt === 'string' ? 'chat/completions' : 'completions'
  const own =
    typeof prompt === 'string'
      ? `"messages":${promptJson([{ role: 'user', content: prompt }])}`
      : `"prompt":${promptJson(prompt)}`
  const answer = await fetch(`${engine.url}/${path}`, { method: 'POST', body: `{"max_tokens":1,${own}}` })
  const json = (await answer.json()) as { usage?: Usage; error?: { message: string } }
  if (json.usage === undefined) throw new Error(json.error?.message)
  return json.usage
}

describe('prompts for a real engine', () => {
  it('are token ids that it counts as asked for', async () => {
    const { prompts, endpoint } = await promptsFor(null)
    expect(endpoint).toBe('completions')
    expect(prompts.provenance).toMatchObject({ prompts: 'token ids', exact: true })
    for (const [index, tokens] of [1, 2, 17, 333].entries()) {
      expect((await usageOf(prompts, arrival(index, tokens))).prompt_tokens).toBe(tokens)
    }
    expect(Number(prompts.provenance.distinct_ids)).toBeGreaterThan(1000)
  })

  it('are text on chat, exact with the template around it', async () => {
    const { prompts, endpoint } = await promptsFor('chat')
    expect(endpoint).toBe('chat')
    expect(prompts.provenance).toMatchObject({ prompts: 'text', exact: true })
    for (const [index, tokens] of [60, 333].entries()) {
      expect((await usageOf(prompts, arrival(index, tokens))).prompt_tokens).toBe(tokens)
    }
  })

  it('hit its cache as intended, and not at all where nothing is shared', async () => {
    const { prompts } = await promptsFor(null, 'cache')
    const turn = (index: number, tokens: number) => arrival(index, tokens, { session: { id: 's', turn: index } })
    const rows = [
      turn(0, 60),
      turn(1, 130),
      arrival(2, 90),
      arrival(3, 90, { blocks: { ids: [1, 2, 3], blockTokens: 30 } }),
      arrival(4, 85, { blocks: { ids: [1, 2, 9], blockTokens: 30 } }),
    ]
    const cached: (number | undefined)[] = []
    for (const row of rows) {
      expect(prompts.intendedCachedTokens(row)).toBe([0, 60, 0, 0, 60][row.index])
      cached.push((await usageOf(prompts, row)).prompt_tokens_details?.cached_tokens)
    }
    expect(cached).toEqual([0, 60, 0, 0, 60])
  })
})

import { describe, expect, test } from 'vitest'
import { type Answer, chunk, type Reply, ROLE, usage, usageChunk } from './case-server.ts'
import { recorded } from './recorded.ts'

/** What a server sends of one good answer of three tokens, the first two reasoning where it has some; and how it fails. */
interface Vendor {
  readonly name: string
  readonly good: (reply: Reply) => void
  readonly tokens: number
  readonly reasoning: string | null
  /** Tokens of each token event, where the server says so. */
  readonly counts: readonly (number | null)[]
  readonly fails: (reply: Reply) => void
}

const started = (reply: Reply) => reply.start()
const all = (reply: Reply, events: readonly unknown[]) => {
  started(reply)
  for (const event of events) reply.event(event)
  reply.end()
}
const NONE = [null, null, null]

const VENDORS: readonly Vendor[] = [
  {
    name: 'vLLM',
    tokens: 3,
    reasoning: 'ab',
    counts: [1, 1, 1],
    good: (reply) =>
      all(reply, [
        chunk(ROLE, null, { usage: usage(9, 0), prompt_token_ids: null }),
        chunk({ reasoning: 'a', reasoning_content: 'a' }, null, { usage: usage(9, 1) }),
        chunk({ reasoning: 'b', reasoning_content: 'b' }, null, { usage: usage(9, 2) }),
        { ...chunk('c', null, { usage: usage(9, 3) }) },
        chunk({}, 'stop', { usage: usage(9, 3) }),
        usageChunk(9, 3),
        '[DONE]',
      ]),
    fails: (reply) =>
      all(reply, [
        chunk(ROLE),
        chunk('a'),
        { error: { message: 'died', type: 'InternalServerError', param: null, code: 500 } },
        '[DONE]',
      ]),
  },
  {
    name: 'SGLang',
    tokens: 3,
    reasoning: 'ab',
    counts: NONE,
    good: (reply) =>
      all(reply, [
        chunk({ role: 'assistant', content: '', reasoning_content: null, tool_calls: null }, null, { usage: null }),
        chunk({ role: null, content: null, reasoning_content: 'a', tool_calls: null }, null, { usage: null }),
        chunk({ role: null, content: null, reasoning_content: 'b', tool_calls: null }, null, { usage: null }),
        chunk({ role: null, content: 'c', reasoning_content: null, tool_calls: null }, null, { usage: null }),
        {
          ...chunk(),
          choices: [
            { index: 0, delta: { role: null, content: null }, logprobs: null, finish_reason: 'stop', matched_stop: 2 },
          ],
          usage: null,
        },
        usageChunk(9, 3),
        '[DONE]',
      ]),
    fails: (reply) =>
      all(reply, [
        chunk(ROLE),
        chunk('a'),
        { error: { object: 'error', message: 'Generation aborted.', type: 'INTERNAL_SERVER_ERROR', code: 500 } },
        '[DONE]',
      ]),
  },
  {
    name: 'TensorRT-LLM',
    tokens: 3,
    reasoning: 'ab',
    counts: [1, 1, 1],
    good: (reply) =>
      all(reply, [
        chunk({ role: 'assistant' }, null, { usage: usage(9, 0) }),
        chunk({ reasoning_content: 'a' }, null, { usage: usage(9, 1) }),
        chunk({ reasoning_content: 'b', tool_calls: [] }, null, { usage: usage(9, 2) }),
        chunk({ content: 'c' }, null, { usage: usage(9, 3) }),
        { ...chunk({ content: '' }, 'stop'), usage: usage(9, 3) },
        usageChunk(9, 3),
        '[DONE]',
      ]),
    // On chat it breaks the connection off within its framing; on completions it sends an error.
    fails: (reply) => {
      started(reply)
      reply.event(chunk({ role: 'assistant' }))
      reply.event(chunk('a'))
      reply.close()
    },
  },
  {
    name: 'llama.cpp',
    tokens: 3,
    reasoning: 'ab',
    counts: NONE,
    good: (reply) => {
      started(reply)
      reply.write(': ping\n\n')
      const timings = { prompt_n: 9, predicted_n: 3, predicted_per_second: 50.1 }
      for (const event of [
        chunk({ role: 'assistant', content: null }),
        chunk({ reasoning_content: 'a' }),
        chunk({ reasoning_content: 'b' }),
        chunk('c', null, { timings }),
        chunk({}, 'stop'),
        { ...usageChunk(9, 3), timings },
        '[DONE]',
      ])
        reply.event(event)
      reply.end()
    },
    fails: (reply) => {
      started(reply)
      reply.event(chunk('a'))
      reply.write('error: {"code":500,"message":"context shift is disabled","type":"server_error"}\n\n')
      reply.end()
    },
  },
  {
    name: 'Ollama',
    tokens: 3,
    reasoning: 'ab',
    counts: NONE,
    good: (reply) =>
      all(reply, [
        chunk({ role: 'assistant', content: '', reasoning: 'a' }, null, { system_fingerprint: 'fp_ollama' }),
        chunk({ role: 'assistant', content: '', reasoning: 'b' }, null, { system_fingerprint: 'fp_ollama' }),
        chunk({ role: 'assistant', content: 'c' }, null, { system_fingerprint: 'fp_ollama' }),
        chunk({ role: 'assistant', content: '' }, 'stop', { system_fingerprint: 'fp_ollama' }),
        { ...usageChunk(9, 3), system_fingerprint: 'fp_ollama' },
        '[DONE]',
      ]),
    fails: (reply) =>
      all(reply, [
        chunk({ role: 'assistant', content: 'a' }, ''),
        { error: { message: 'model runner has stopped', type: 'api_error', param: null, code: null } },
      ]),
  },
  {
    name: 'TGI',
    tokens: 3,
    reasoning: null,
    counts: NONE,
    good: (reply) => {
      started(reply)
      for (const text of ['a', 'b', 'c'])
        reply.write(
          `data:${JSON.stringify(chunk({ role: 'assistant', content: text, tool_calls: null }, null, { usage: null }))}\n\n`,
        )
      reply.write(`data:${JSON.stringify(chunk({ role: 'assistant', content: '' }, 'stop', { usage: null }))}\n\n`)
      reply.write(`data:${JSON.stringify(usageChunk(9, 3))}\n\ndata: [DONE]\n\n`)
      reply.end()
    },
    fails: (reply) => {
      started(reply)
      reply.write(`data:${JSON.stringify(chunk({ role: 'assistant', content: 'a' }))}\n\n`)
      reply.write('data:{"error":{"message":"Request failed during generation","http_status_code":424}}\n\n')
      reply.end()
    },
  },
  {
    name: 'LMDeploy',
    tokens: 3,
    reasoning: 'ab',
    counts: NONE,
    good: (reply) =>
      all(reply, [
        chunk({ role: 'assistant', content: null, reasoning_content: 'a', gen_tokens: null }, null, { usage: null }),
        chunk({ role: 'assistant', content: null, reasoning_content: 'b', gen_tokens: null }, null, { usage: null }),
        chunk({ role: 'assistant', content: 'c', reasoning_content: null, gen_tokens: null }, null, { usage: null }),
        chunk({ role: 'assistant', content: '', gen_tokens: null }, 'stop', { usage: null }),
        usageChunk(9, 3),
        '[DONE]',
      ]),
    fails: (reply) =>
      all(reply, [
        chunk({ role: 'assistant', content: 'a' }),
        chunk({ role: 'assistant', content: '' }, 'error'),
        '[DONE]',
      ]),
  },
  {
    name: 'LiteLLM',
    tokens: 3,
    reasoning: 'ab',
    counts: NONE,
    good: (reply) =>
      all(reply, [
        chunk({
          role: 'assistant',
          content: '',
          reasoning_content: 'a',
          thinking_blocks: [{ type: 'thinking', thinking: 'a' }],
          provider_specific_fields: { x: 'a' },
        }),
        chunk({ reasoning_content: 'b', thinking_blocks: [{ type: 'thinking', thinking: 'b' }] }),
        chunk('c'),
        chunk({}, 'stop'),
        // Its usage event has a choice.
        chunk({}, null, { usage: usage(9, 3) }),
        '[DONE]',
      ]),
    fails: (reply) =>
      all(reply, [
        chunk('a'),
        { error: { message: 'litellm.MidStreamFallbackError: gone', type: null, param: null, code: '500' } },
      ]),
  },
  {
    name: 'OpenRouter',
    tokens: 3,
    reasoning: 'ab',
    counts: NONE,
    good: (reply) => {
      started(reply)
      reply.write(': OPENROUTER PROCESSING\n\n')
      const details = (text: string) => [{ type: 'reasoning.text', text, format: 'unknown', index: 0 }]
      for (const event of [
        chunk({ role: 'assistant', content: '', reasoning: 'a', reasoning_details: details('a') }, null, {
          provider: 'x',
        }),
        chunk({ role: 'assistant', content: '', reasoning: 'b', reasoning_details: details('b') }, null, {
          provider: 'x',
        }),
        {
          ...chunk(),
          choices: [
            {
              index: 0,
              delta: { role: 'assistant', content: 'c' },
              finish_reason: 'stop',
              native_finish_reason: 'STOP',
            },
          ],
        },
        chunk({ role: 'assistant', content: '' }, null, { usage: usage(9, 3) }),
        '[DONE]',
      ])
        reply.event(event)
      reply.end()
    },
    fails: (reply) =>
      all(reply, [
        chunk('a'),
        { ...chunk({ content: '' }, 'error'), error: { code: 502, message: 'Provider disconnected', metadata: {} } },
      ]),
  },
  {
    name: 'Mistral',
    tokens: 3,
    reasoning: 'ab',
    counts: NONE,
    good: (reply) => {
      const think = (text: string) => ({ content: [{ type: 'thinking', thinking: [{ type: 'text', text }] }] })
      all(reply, [
        chunk(ROLE),
        chunk(think('a')),
        chunk(think('b')),
        chunk({ content: [{ type: 'text', text: 'c' }] }),
        chunk({ content: '' }, 'stop', { usage: usage(9, 3) }),
        '[DONE]',
      ])
    },
    fails: (reply) =>
      all(reply, [
        chunk('a'),
        {
          object: 'error',
          message: 'Service tier capacity exceeded',
          type: 'service_tier_capacity_exceeded',
          code: '3505',
        },
      ]),
  },
  {
    name: 'Gemini',
    tokens: 6,
    reasoning: null,
    counts: [2, 2, 2],
    good: (reply) =>
      all(reply, [
        ...['a', 'b', 'c'].map((text, i) =>
          chunk({ role: 'assistant', content: text }, null, { usage: usage(9, 2 * i + 2) }),
        ),
        chunk({ role: 'assistant' }, 'stop', { usage: usage(9, 6) }),
        '[DONE]',
      ]),
    fails: (reply) =>
      all(reply, [chunk('a'), [{ error: { code: 503, message: 'The model is overloaded', status: 'UNAVAILABLE' } }]]),
  },
]

describe.each(VENDORS.map((vendor) => [vendor.name, vendor] as const))('%s', (name, vendor) => {
  const answers: Answer[] = [
    (_, reply) => vendor.good(reply),
    (_, reply) => vendor.fails(reply),
    (_, reply) => vendor.good(reply),
  ]

  test('a good answer, how it fails, and a good one after it', async () => {
    const { outcomes, tokenEvents, texts } = await recorded((asked, reply) => answers[asked.n]?.(asked, reply), {
      count: 3,
    })
    for (const id of [0, 2]) {
      expect(outcomes[id]).toMatchObject({
        status: 'ok',
        finishReason: 'stop',
        inputTokens: 9,
        outputTokens: vendor.tokens,
        tokenSource: 'usage',
        tokenEvents: 3,
        note: null,
      })
      expect(tokenEvents(id).map(({ tokens }) => tokens)).toEqual(vendor.counts)
      expect(texts[id]).toMatchObject({ output: vendor.reasoning === null ? 'abc' : 'c', reasoning: vendor.reasoning })
    }
    expect(outcomes[1]).toMatchObject({
      status: name === 'TensorRT-LLM' ? 'truncated' : 'http_error',
      httpStatus: 200,
      error: expect.any(String),
    })
  })
})

import { describe, expect, test } from 'vitest'
import { chunk, type Reply, ROLE, usage, usageChunk } from './case-server.ts'
import { recorded } from './recorded.ts'

const ended = (reply: Reply, tokens: number) => {
  reply.event(chunk({}, 'stop'))
  reply.event(usageChunk(9, tokens))
  reply.event('[DONE]')
  reply.end()
}

/** The kinds of the token events, in order. */
type Kinds = ('content' | 'reasoning' | 'tool')[]
const think = (text: string) => ({ content: [{ type: 'thinking', thinking: [{ type: 'text', text }] }] })
const call = (fn: object) => ({ tool_calls: [{ index: 0, id: 'c', type: 'function', function: fn }] })

const SHAPES: [what: string, deltas: object[], output: string, reasoning: string | null, kinds: Kinds][] = [
  ['a text', [{ content: 'a' }], 'a', null, ['content']],
  [
    'reasoning_content (DeepSeek, vLLM, llama.cpp, SGLang)',
    [{ reasoning_content: 'a' }, { content: 'b' }],
    'b',
    'a',
    ['reasoning', 'content'],
  ],
  [
    'reasoning (OpenRouter, newer vLLM, Ollama)',
    [
      { content: '', reasoning: 'a' },
      { content: 'b', reasoning: null },
    ],
    'b',
    'a',
    ['reasoning', 'content'],
  ],
  [
    'both names with one text',
    [{ reasoning_content: 'a', reasoning: 'a' }, { content: 'b' }],
    'b',
    'a',
    ['reasoning', 'content'],
  ],
  ['reasoning as an object', [{ reasoning: { content: 'a' } }, { content: 'b' }], 'b', 'a', ['reasoning', 'content']],
  [
    'reasoning_details alone',
    [{ reasoning_details: [{ type: 'reasoning.text', text: 'a' }] }, { content: 'b' }],
    'b',
    'a',
    ['reasoning', 'content'],
  ],
  [
    'a summary of reasoning',
    [{ reasoning_details: [{ type: 'reasoning.summary', summary: 'a' }] }],
    '',
    'a',
    ['reasoning'],
  ],
  [
    'reasoning and its details (OpenRouter)',
    [{ content: '', reasoning: 'a', reasoning_details: [{ type: 'reasoning.text', text: 'a' }] }],
    '',
    'a',
    ['reasoning'],
  ],
  [
    'thinking_blocks beside reasoning_content (LiteLLM)',
    [{ content: '', reasoning_content: 'a', thinking_blocks: [{ type: 'thinking', thinking: 'a', signature: 'x' }] }],
    '',
    'a',
    ['reasoning'],
  ],
  ['thinking', [{ thinking: 'a' }], '', 'a', ['reasoning']],
  [
    'parts of thinking, parts of text, texts (Mistral)',
    [think('It'), think(' is'), { content: [{ type: 'text', text: ' It' }] }, { content: ' is' }],
    ' It is',
    'It is',
    ['reasoning', 'reasoning', 'content', 'content'],
  ],
  ['thinking as a text in its part', [{ content: [{ type: 'thinking', thinking: 'a' }] }], '', 'a', ['reasoning']],
  [
    'both kinds of parts in one event',
    [
      {
        content: [
          { type: 'thinking', thinking: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ],
    'b',
    'a',
    ['content'],
  ],
  ['reasoning and content in one event', [{ reasoning_content: 'a', content: 'b' }], 'b', 'a', ['content']],
  ['texts as parts', [{ content: ['a', 'b'] }], 'ab', null, ['content']],
  ['output_text parts', [{ content: [{ type: 'output_text', text: 'a', annotations: [] }] }], 'a', null, ['content']],
  ['a part that is no list', [{ content: { type: 'text', text: 'a' } }], 'a', null, ['content']],
  ['a text with a value', [{ content: [{ type: 'text', text: { value: 'a' } }] }], 'a', null, ['content']],
  ['a refusal', [{ refusal: 'no' }, { content: null, refusal: ' way' }], 'no way', null, ['content', 'content']],
  ['a refusal as a part', [{ content: [{ type: 'refusal', refusal: 'no' }] }], 'no', null, ['content']],
  [
    'the transcript of audio',
    [{ audio: { id: 'a', transcript: 'he' } }, { audio: { transcript: 'llo' } }, { audio: { data: 'UklGRg==' } }],
    'hello',
    null,
    ['content', 'content'],
  ],
  [
    'a tool call',
    [call({ name: 'look', arguments: '' }), call({ arguments: '{"a"' }), call({ arguments: ':1}' })],
    '{"a":1}',
    null,
    ['tool', 'tool', 'tool'],
  ],
  [
    'a tool call whose arguments are an object',
    [call({ name: 'look', arguments: { a: 1 } })],
    '{"a":1}',
    null,
    ['tool'],
  ],
  [
    'a function call of old',
    [{ function_call: { name: 'look', arguments: '' } }, { function_call: { arguments: '{}' } }],
    '{}',
    null,
    ['tool', 'tool'],
  ],
  [
    'a custom tool call',
    [{ tool_calls: [{ index: 0, type: 'custom', custom: { name: 'run', input: 'ls' } }] }],
    'ls',
    null,
    ['tool'],
  ],
]

describe('every shape of text that servers send is a token event of its kind', () => {
  test.each(SHAPES)('%s', async (_, deltas, output, reasoning, kinds) => {
    const { outcomes, texts, tokenEvents } = await recorded((_, reply) => {
      reply.start()
      reply.event(chunk(ROLE))
      for (const delta of deltas) reply.event(chunk(delta))
      ended(reply, kinds.length)
    })
    expect(outcomes[0]).toMatchObject({ status: 'ok', outputTokens: kinds.length, unreadEvents: 0, note: null })
    expect(tokenEvents().map(({ kind }) => kind)).toEqual(kinds)
    expect(texts[0]).toMatchObject({ output, reasoning })
  })

  test.each(SHAPES)('without streaming: %s', async (_, deltas, output, reasoning, kinds) => {
    const message = (deltas as Record<string, unknown>[])[0]
    const { outcomes, texts } = await recorded(
      (_, reply) =>
        reply.json({ choices: [{ index: 0, message, finish_reason: 'stop' }], usage: usage(9, kinds.length) }),
      { plan: { stream: false } },
    )
    expect(outcomes[0]).toMatchObject({ status: 'ok', outputTokens: kinds.length, unreadEvents: 0 })
    expect(output.startsWith(texts[0]?.output ?? '?')).toBe(true)
    if (deltas.length === 1) expect(texts[0]).toMatchObject({ output, reasoning })
  })

  test('the same again and again, so that its shape is learnt', async () => {
    for (const [what, deltas, output, , kinds] of SHAPES) {
      const { texts, tokenEvents } = await recorded((_, reply) => {
        reply.start()
        for (let i = 0; i < 20; i++) for (const delta of deltas) reply.event(chunk(delta))
        ended(reply, 20 * kinds.length)
      })
      expect(tokenEvents(), what).toHaveLength(20 * kinds.length)
      expect(texts[0]?.output, what).toBe(output.repeat(20))
    }
  })

  test('the completions API: text, beside what is none', async () => {
    const choice = (text: unknown, more = {}) => ({
      id: 'cmpl',
      choices: [{ index: 0, text, logprobs: { tokens: ['a'] }, finish_reason: null, ...more }],
    })
    const { outcomes, tokenEvents } = await recorded(
      (_, reply) => {
        reply.start()
        reply.event(choice('a'))
        reply.event(choice(''))
        reply.event(choice('b', { stop_reason: 'x' }))
        reply.event('[DONE]')
        reply.end()
      },
      { target: { endpoint: 'completions' } },
    )
    expect(outcomes[0]).toMatchObject({ status: 'ok', text: 'ab', unreadEvents: 0 })
    expect(tokenEvents()).toHaveLength(2)
  })
})

describe('text in a shape that is not known is counted and reported', () => {
  test.each<[string, object, string]>([
    ['a field of the delta', chunk({ prose: 'a' }), 'choices[0].delta.prose'],
    ['a list in the delta', chunk({ segments: [{ text: 'a' }] }), 'choices[0].delta.segments'],
    ['a part of no known key', chunk({ content: [{ type: 'poem', verse: 'a' }] }), 'choices[0].delta.content[0].verse'],
    ['a delta that is a text', { choices: [{ index: 0, delta: 'a' }] }, 'choices[0].delta'],
    ['a message that is a text', { choices: [{ index: 0, message: 'a' }] }, 'choices[0].message'],
    ['content beside the delta', { choices: [{ index: 0, delta: {}, content: 'a' }] }, 'choices[0].content'],
    ['choices that are texts', { choices: ['a'] }, 'choices'],
    ["Ollama's own API", { model: 'm', message: { role: 'assistant', content: 'a' }, done: false }, 'message'],
    ["TGI's own API", { token: { id: 1, text: 'a', logprob: -1 }, generated_text: null }, 'token'],
    ["Responses' own API", { type: 'response.output_text.delta', delta: 'a' }, 'delta'],
    ["Anthropic's own API", { type: 'content_block_delta', delta: { type: 'text_delta', text: 'a' } }, 'delta'],
    ['content alone', { content: 'a', stop: false }, 'content'],
  ])('%s', async (_, event, path) => {
    const { outcomes, requests, tokenEvents } = await recorded((_, reply) => {
      reply.start()
      for (let i = 0; i < 3; i++) reply.event(event)
      reply.event('[DONE]')
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ status: 'ok', unreadEvents: 3, note: expect.stringContaining(path) })
    expect(requests[0]).toMatchObject({ unread_events: 3, first_token_ns: null })
    expect(tokenEvents()).toEqual([])
  })

  test('without streaming', async () => {
    const { outcomes } = await recorded(
      (_, reply) =>
        reply.json({ choices: [{ index: 0, message: { role: 'assistant', prose: 'a' }, finish_reason: 'stop' }] }),
      { plan: { stream: false } },
    )
    expect(outcomes[0]).toMatchObject({
      status: 'ok',
      unreadEvents: 1,
      note: expect.stringContaining('choices[0].message.prose'),
    })
  })

  test('what carries no text of the answer is none', async () => {
    const more = {
      service_tier: 'default',
      system_fingerprint: 'fp',
      provider: 'x',
      native_finish_reason: 'stop',
      obfuscation: 'aB3',
    }
    const { outcomes } = await recorded((_, reply) => {
      reply.start()
      reply.event({
        ...chunk(),
        choices: [],
        prompt_filter_results: [{ prompt_index: 0, content_filter_results: { hate: { severity: 'safe' } } }],
      })
      reply.event(chunk(ROLE, null, more))
      reply.event(chunk({ content: null, reasoning: null, tool_calls: null, function_call: null, audio: null }))
      reply.event(chunk('a', null, more))
      reply.event({
        choices: [
          {
            index: 0,
            delta: {},
            finish_reason: 'stop',
            native_finish_reason: 'STOP',
            stop_reason: '</s>',
            logprobs: { content: [{ token: 'a' }] },
            matched_stop: 'x',
          },
        ],
      })
      reply.event('[DONE]')
      reply.end()
    })
    expect(outcomes[0]).toMatchObject({ status: 'ok', unreadEvents: 0, note: null, tokenEvents: 1 })
  })
})

describe('several choices (n > 1)', () => {
  const choice = (index: number, delta: object, finish: string | null = null, ids: number[] = []) => ({
    ...chunk(),
    choices: [{ index, delta, finish_reason: finish, token_ids: ids }],
  })
  /** Words of both in turn, enough of them that their shape is learnt. */
  const both =
    (order: readonly number[], rounds = 30) =>
    (_: unknown, reply: Reply) => {
      reply.start()
      for (let i = 0; i < rounds; i++) {
        for (const index of order)
          reply.event(choice(index, { content: `${'abc'[index]}${i} ` }, null, [100 * index + i]))
      }
      for (const index of order) reply.event(choice(index, {}, 'stop'))
      reply.event(usageChunk(9, order.length * rounds))
      reply.event('[DONE]')
      reply.end()
    }
  const first = Array.from({ length: 30 }, (_, i) => `a${i} `).join('')

  test.each([[[0, 1]], [[1, 0]], [[2, 0, 1]]])(
    'in the order %s: all events count, texts and ids are those of choice 0',
    async (order) => {
      const { outcomes, texts } = await recorded(both(order), { count: 2, keepTokenIds: true })
      for (const n of [0, 1]) {
        expect(outcomes[n]).toMatchObject({
          status: 'ok',
          outputTokens: 30 * order.length,
          tokenEvents: 30 * order.length,
        })
        expect(outcomes[n]?.note).toContain(`${order.length - 1} more choice`)
        expect(texts[n]).toMatchObject({ output: first })
        const ids = JSON.parse(String(texts[n]?.token_ids))
        expect(ids).toEqual(Array.from({ length: 30 }, (_, i) => i))
      }
    },
  )

  test('in one event each, and in an answer of one piece', async () => {
    const of = (name: string) => (index: number) => ({
      index,
      [name]: { content: 'abc'[index] },
      finish_reason: 'stop',
    })
    const streamed = await recorded((_, reply) => {
      reply.start()
      reply.event({ ...chunk(), choices: [1, 0].map(of('delta')) })
      ended(reply, 2)
    })
    expect(streamed.texts[0]).toMatchObject({ output: 'a' })
    const whole = await recorded(
      (_, reply) => reply.json({ choices: [0, 1, 2].map(of('message')), usage: usage(9, 3) }),
      { plan: { stream: false } },
    )
    expect(whole.texts[0]).toMatchObject({ output: 'a' })
    expect(whole.outcomes[0]?.note).toContain('2 more choices')
  })

  test('one alone is kept whatever its number, and nothing is said', async () => {
    const { outcomes, texts } = await recorded(both([1]))
    expect(outcomes[0]?.note).toBeNull()
    expect(String(texts[0]?.output)).toContain('b0 b1 ')
  })
})

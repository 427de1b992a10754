import { describe, expect, it } from 'vitest'
import { type ResponseHead, StreamEvents, wholeResponse } from './responses.ts'

const head: ResponseHead = {
  endpoint: 'completions',
  id: 'cmpl-"quoted"',
  created: 12,
  model: 'm',
  promptTokens: [7, 8],
  cachedTokens: 1,
  returnTokenIds: true,
  includeUsage: true,
  continuousUsage: true,
}
const usage = (completion: number) => ({
  prompt_tokens: 2,
  completion_tokens: completion,
  total_tokens: 2 + completion,
  prompt_tokens_details: { cached_tokens: 1 },
})

/** The JSON of each event; fails on anything that is not `data: …` and an empty line. */
function events(text: string): unknown[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((event) => {
      expect(event.startsWith('data: ')).toBe(true)
      const data = event.slice('data: '.length)
      return data === '[DONE]' ? data : JSON.parse(data)
    })
}

describe('StreamEvents', () => {
  it('writes a completion: prompt ids once, usage in every event, the end', () => {
    const stream = new StreamEvents(head)
    const text =
      stream.start() +
      stream.token({ text: 'a"\n', tokens: [3], finishReason: undefined }, 1) +
      stream.token({ text: '', tokens: [4, 5], finishReason: 'stop' }, 3) +
      stream.end(3)
    const shared = { id: 'cmpl-"quoted"', object: 'text_completion', created: 12, model: 'm' }
    expect(events(text)).toEqual([
      {
        ...shared,
        choices: [
          { index: 0, text: 'a"\n', logprobs: null, finish_reason: null, prompt_token_ids: [7, 8], token_ids: [3] },
        ],
        usage: usage(1),
      },
      {
        ...shared,
        choices: [{ index: 0, text: '', logprobs: null, finish_reason: 'stop', token_ids: [4, 5] }],
        usage: usage(3),
      },
      { ...shared, choices: [], usage: usage(3) },
      '[DONE]',
    ])
  })

  it('writes a chat: first the role alone, with the prompt ids', () => {
    const stream = new StreamEvents({ ...head, endpoint: 'chat', id: 'chatcmpl-1' })
    const [role, token] = events(stream.start() + stream.token({ text: 'x', tokens: [3], finishReason: 'length' }, 1))
    expect(role).toMatchObject({
      object: 'chat.completion.chunk',
      choices: [{ delta: { role: 'assistant', content: '' }, finish_reason: null }],
      prompt_token_ids: [7, 8],
      usage: usage(0),
    })
    expect(token).toMatchObject({ choices: [{ delta: { content: 'x' }, finish_reason: 'length', token_ids: [3] }] })
    expect(token).not.toHaveProperty('prompt_token_ids')
  })

  it('has usage only at the end, or not at all, as asked', () => {
    const once = new StreamEvents({ ...head, continuousUsage: false })
    expect(events(once.token({ text: 'x', tokens: [3], finishReason: 'stop' }, 1))).toMatchObject([{ usage: null }])
    expect(events(once.end(1))).toMatchObject([{ choices: [], usage: usage(1) }, '[DONE]'])
    const never = new StreamEvents({ ...head, includeUsage: false, returnTokenIds: false })
    const [token] = events(never.token({ text: 'x', tokens: [3], finishReason: 'stop' }, 1)) as [
      Record<string, unknown>,
    ]
    expect(token).not.toHaveProperty('usage')
    expect(JSON.stringify(token)).not.toContain('token_ids')
    expect(events(never.end(1))).toEqual(['[DONE]'])
  })
})

describe('wholeResponse', () => {
  it('has the message, the usage, and ids where they were asked for', () => {
    expect(JSON.parse(wholeResponse({ ...head, endpoint: 'chat' }, 'hi', [3], 'stop'))).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop', token_ids: [3] }],
      prompt_token_ids: [7, 8],
      usage: usage(1),
    })
    expect(JSON.parse(wholeResponse(head, 'hi', [3], 'length')).choices[0]).toMatchObject({
      text: 'hi',
      prompt_token_ids: [7, 8],
    })
  })
})

import { describe, expect, it } from 'vitest'
import { ApiError } from './api-error.ts'
import { parseChat, parseCompletion, parseDetokenize, parseTokenize } from './request-schema.ts'

function refusal(work: () => unknown): { status: number; error: Record<string, unknown> } {
  try {
    work()
  } catch (error) {
    if (error instanceof ApiError) return { status: error.status, error: JSON.parse(error.body).error }
    throw error
  }
  throw new Error('it was accepted')
}

const messages = [{ role: 'user', content: 'hi' }]

describe('parseCompletion', () => {
  it('takes a text, a list of one, token ids, and a list of one list of ids', () => {
    expect(parseCompletion({ prompt: 'a' }).prompt).toBe('a')
    expect(parseCompletion({ prompt: ['a'] }).prompt).toBe('a')
    expect(parseCompletion({ prompt: [1, 2] }).prompt).toEqual([1, 2])
    expect(parseCompletion({ prompt: [[1, 2]] }).prompt).toEqual([1, 2])
  })

  it('ignores fields that it does not know', () => {
    expect(parseCompletion({ prompt: 'a', user: 'me', frobnicate: 3 })).toEqual({ prompt: 'a' })
  })

  it.each([
    ['two prompts', { prompt: ['a', 'b'] }, 'prompt'],
    ['no prompt', {}, 'prompt'],
    ['a prompt of fractions', { prompt: [1.5] }, 'prompt'],
    ['no tokens wanted', { prompt: 'a', max_tokens: 0 }, 'max_tokens'],
    ['a negative temperature', { prompt: 'a', temperature: -1 }, 'temperature'],
    ['an impossible top_p', { prompt: 'a', top_p: 2 }, 'top_p'],
    ['a stop that is no text', { prompt: 'a', stop: 3 }, 'stop'],
    ['several answers', { prompt: 'a', n: 2 }, 'n'],
    ['logprobs', { prompt: 'a', logprobs: 1 }, 'logprobs'],
    ['echo', { prompt: 'a', echo: true }, 'echo'],
    ['biased tokens', { prompt: 'a', logit_bias: { 5: 1 } }, 'logit_bias'],
  ])('refuses %s with the field', (_, body, param) => {
    const { status, error } = refusal(() => parseCompletion(body))
    expect(status).toBe(400)
    expect(error).toMatchObject({ type: 'invalid_request_error', param })
    expect(error.message).toContain(param)
  })

  it.each([[null], ['text'], [7], [[]]])('refuses the body %j', (body) => {
    expect(refusal(() => parseCompletion(body)).status).toBe(400)
  })
})

describe('parseChat', () => {
  it('joins text parts and takes a missing content as empty', () => {
    const parts = [
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
    ]
    expect(
      parseChat({
        messages: [
          { role: 'user', content: parts },
          { role: 'assistant', content: null },
        ],
      }).messages,
    ).toEqual([
      { role: 'user', content: 'a\nb' },
      { role: 'assistant', content: '' },
    ])
  })

  it('takes the neutral values that clients send for what it does not have', () => {
    const neutral = { n: 1, logprobs: false, tools: [], logit_bias: {}, response_format: { type: 'text' } }
    expect(parseChat({ messages, ...neutral }).messages).toEqual(messages)
  })

  it.each([
    ['no messages', {}, 'messages'],
    ['empty messages', { messages: [] }, 'messages'],
    ['a picture', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }, 'messages'],
    ['tools', { messages, tools: [{}] }, 'tools'],
    ['JSON answers', { messages, response_format: { type: 'json_object' } }, 'response_format'],
  ])('refuses %s with the field', (_, body, param) => {
    expect(refusal(() => parseChat(body))).toMatchObject({ status: 400, error: { param } })
  })
})

describe('parseTokenize and parseDetokenize', () => {
  it('want either a prompt or messages, and whole tokens', () => {
    expect(parseTokenize({ prompt: '' }).prompt).toBe('')
    expect(parseTokenize({ messages }).messages).toEqual(messages)
    expect(refusal(() => parseTokenize({})).status).toBe(400)
    expect(refusal(() => parseTokenize({ prompt: 'a', messages })).status).toBe(400)
    expect(parseDetokenize({ tokens: [1] }).tokens).toEqual([1])
    expect(refusal(() => parseDetokenize({ tokens: 'a' })).status).toBe(400)
  })
})

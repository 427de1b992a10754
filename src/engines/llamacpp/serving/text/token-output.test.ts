import { describe, expect, it } from 'vitest'
import { type Output, TokenOutput } from './token-output.ts'

const WORDS = ['Hello', ' wor', 'ld', '!', '']
const END = 4

function outputs(tokens: number[], rules: { stops?: string[]; maxTokens?: number } = {}): Output[] {
  const output = new TokenOutput({
    stops: rules.stops ?? [],
    maxTokens: rules.maxTokens ?? 100,
    endsText: (token) => token === END,
    detokenize: (ids) => ids.map((id) => WORDS[id]).join(''),
  })
  const ready: Output[] = []
  for (const token of tokens) {
    const one = output.push(token)
    if (one !== undefined) ready.push(one)
    if (one?.finishReason !== undefined) break
  }
  return ready
}

describe('TokenOutput', () => {
  it('gives one output a token, the end token included', () => {
    expect(outputs([0, 1, END])).toEqual([
      { text: 'Hello', tokens: [0], finishReason: undefined },
      { text: ' wor', tokens: [1], finishReason: undefined },
      { text: '', tokens: [END], finishReason: 'stop' },
    ])
  })

  it('ends with the last token that was allowed', () => {
    expect(outputs([0, 1, 2, 3], { maxTokens: 2 }).at(-1)).toEqual({
      text: ' wor',
      tokens: [1],
      finishReason: 'length',
    })
  })

  it('brings held tokens with the next output', () => {
    expect(outputs([1, 2, 3], { stops: ['world?'] })).toEqual([
      { text: ' ', tokens: [1], finishReason: undefined },
      { text: 'world!', tokens: [2, 3], finishReason: undefined },
    ])
  })

  it('sends the text before a stop string and all tokens that made it', () => {
    expect(outputs([0, 1, 2, 3], { stops: ['world'] })).toEqual([
      { text: 'Hello', tokens: [0], finishReason: undefined },
      { text: ' ', tokens: [1], finishReason: undefined },
      { text: '', tokens: [2], finishReason: 'stop' },
    ])
  })

  it('releases what was held back when the text ends', () => {
    expect(outputs([1, END], { stops: ['world'] }).at(-1)).toEqual({ text: 'wor', tokens: [END], finishReason: 'stop' })
    expect(outputs([1, 2], { stops: ['worldly'], maxTokens: 2 }).at(-1)).toEqual({
      text: 'world',
      tokens: [2],
      finishReason: 'length',
    })
  })
})

import { describe, expect, it } from 'vitest'
import { type BodyPlan, endpointOf, RequestBodies } from './request-body.ts'

const bodies = new RequestBodies({ runningUsage: false, tokenIds: false })
const plan = (prompt: BodyPlan['prompt']): BodyPlan => ({
  prompt,
  model: 'm',
  maxTokens: 5,
  sampling: { temperature: 0 },
  stream: true,
})

describe('token ids that are text already', () => {
  it('go to completions, whatever the target says', () => {
    expect(endpointOf({ tokenIdsJson: '[1]' }, 'chat')).toBe('completions')
    expect(endpointOf([1], 'chat')).toBe('completions')
    expect(endpointOf([{ role: 'user', content: 'a' }], 'completions')).toBe('chat')
    expect(endpointOf('a', 'chat')).toBe('chat')
  })

  it('make the same body as the numbers do, byte for byte', () => {
    const ids = [1, 32_000, 7, 128_255]
    const written = bodies.encode(plan({ tokenIdsJson: JSON.stringify(ids) }), 'completions')
    expect(written).toEqual(bodies.encode(plan(ids), 'completions'))
    expect(JSON.parse(written.text)).toMatchObject({ prompt: ids, max_tokens: 5, model: 'm' })
  })
})

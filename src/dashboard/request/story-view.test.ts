import { expect, it } from 'vitest'
import { oneRequestRun } from '../../../test/support/one-request-run.ts'
import { requestStory } from '../../analysis/attribution/request-story.ts'
import { textWidth } from '../text/text.ts'
import { storyText } from './story-view.ts'

it.each([60, 80, 110])('fits %i columns, and a prompt that steers terminals does not', async (width) => {
  const reader = await oneRequestRun()
  const story = await requestStory(reader, { requestId: 3, token: 1, split: 'tokens' })
  await reader.close()
  const text = storyText(story, { width, color: false })
  for (const line of text.split('\n')) expect(textWidth(line), line).toBeLessThanOrEqual(width)
  expect(text).not.toContain('\u001b')
  for (const words of [
    '3.00 ms',
    'launch gap',
    'softmax',
    'chunked',
    'modelled',
    'what its server says (OTLP)',
    'llm_request',
    '36.0 ms',
  ])
    expect(text).toContain(words)
})

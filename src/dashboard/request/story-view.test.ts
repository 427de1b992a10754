import { expect, it } from 'vitest'
import { memoryRun } from '../../../test/support/memory-run.ts'
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

it('shows what the client knows of a token of which no step is known, and no columns without content', async () => {
  const ms = 1e6
  const times = [100, 110, 120, 330, 340]
  const reader = await memoryRun({
    requests: [
      {
        ...{
          request_id: 3,
          status: 'ok',
          scheduled_ns: 0,
          sent_ns: 0,
          first_token_ns: 100 * ms,
          last_token_ns: 340 * ms,
        },
        ...{ end_ns: 341 * ms, output_tokens: 5, input_tokens: 10 },
      },
    ],
    chunks: times.map((at, index) => ({
      request_id: 3,
      index,
      t_ns: at * ms,
      late_ns: 0.4 * ms,
      kind: 'content',
      tokens: 1,
    })),
  })
  const story = await requestStory(reader, { requestId: 3, token: 4, split: 'tokens' })
  await reader.close()
  expect(story.token).toMatchObject({ token: 4, gap_ms: 210, stamp_late_ms: expect.closeTo(0.4, 6), step: null })
  const text = storyText(story, { width: 110, color: false })
  expect(text).toContain('210 ms')
  expect(text.replaceAll(/\s+/g, ' ')).toContain('median gap of the answer is 10.0 ms')
  expect(text).not.toMatch(/–\s+–/)
})

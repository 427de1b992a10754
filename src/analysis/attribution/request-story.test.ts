import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { memoryRun } from '../../../test/support/memory-run.ts'
import { oneRequestRun } from '../../../test/support/one-request-run.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { requestStory } from './request-story.ts'

let reader: RunReader
beforeAll(async () => {
  reader = await oneRequestRun()
})
afterAll(() => reader.close())

describe('the story of a request', () => {
  it('cuts its time where the layers say, and the parts add up', async () => {
    const { parts, steps, preemptions } = await requestStory(reader, { requestId: 3, split: 'tokens' })
    expect(parts).toEqual([
      { part: 'due_to_sent', ms: 2 },
      { part: 'queue', ms: 18 },
      { part: 'prefill', ms: 35 },
      { part: 'to_client', ms: 2 },
      { part: 'decode', ms: 21 },
      { part: 'end', ms: 1 },
    ])
    expect(steps.map(({ stage, share, own_ms, emitted }) => [stage, share, own_ms, emitted])).toEqual([
      ['chunked prefill', 1, 10, 0],
      ['prefill', 0.75, 15, 1],
      ['decode', 1, 5, 1],
    ])
    expect(preemptions).toBe(1)
  })

  it("has what its server's spans say of it: the span, then its parts, since it was sent", async () => {
    const { server_spans } = await requestStory(reader, { requestId: 3, split: 'tokens' })
    expect(server_spans).toEqual([
      { name: 'llm_request', at_ms: 1, ms: 75, tokens: 2 },
      { name: 'queue', at_ms: 2, ms: 15, tokens: null },
      { name: 'prefill', at_ms: 17, ms: 36, tokens: null },
      { name: 'decode', at_ms: 53, ms: 22, tokens: null },
    ])
  })

  it('tells a token: its step, its share of it by the model, the kernels, and the launch gap between them', async () => {
    const { token, work } = await requestStory(reader, { requestId: 3, token: 1, split: 'equal' })
    expect(work).toBe('kernels')
    expect(token).toMatchObject({
      token: 1,
      at_ms: 55,
      gap_ms: null,
      step_id: 2,
      delivery_ms: 2,
      confidence: 'measured',
    })
    expect(token?.step).toMatchObject({
      kind: 'mixed',
      stage: 'prefill',
      tokens: 6,
      step_tokens: 8,
      share: 0.5,
      own_ms: 10,
    })
    expect(token?.step_parts).toEqual({ before_ms: 3, busy_ms: 10, gap_ms: 3, launch_gap_ms: 3, after_ms: 4 })
    expect(token?.step_work).toEqual([
      { name: 'softmax', count: 1, ms: 6 },
      { name: 'gemm', count: 1, ms: 4 },
    ])
    const second = await requestStory(reader, { requestId: 3, token: 2, split: 'equal' })
    expect(second.token).toMatchObject({ token: 2, gap_ms: 21, step_id: 3, step_parts: null, step_work: [] })
  })

  it('tells what the run pays for a token, by part, its own share alone', async () => {
    const { costs } = await requestStory(reader, { requestId: 3, split: 'tokens' })
    expect(costs).toEqual({
      steps: 1,
      output_tokens: 1,
      parts: [
        {
          ...{ part: 'prefill', tokens: 6, ms: 15, outside_ms: 7.5 },
          work: [
            { name: 'softmax', count: 1, ms: 4.5, us_per_output_token: 4500 },
            { name: 'gemm', count: 1, ms: 3, us_per_output_token: 3000 },
          ],
        },
      ],
    })
  })

  it('without a log, tells the steps of the profile that tokens were tied to by inference', async () => {
    const name = (text: string) => ({ name_id: text === 'decode' ? 1 : 0 })
    const step = (id: number, t: number, tokens: number, more: object) => ({
      ...{
        slice_id: id,
        t_ns: t,
        dur_ns: 10 * 1e6,
        tokens,
        category: 'user_annotation',
        track_id: 1,
        step_id: id,
        ...more,
      },
    })
    const tied = (index: number, to: number, confidence: string) => ({
      ...{
        src_kind: 'chunk',
        src_id: 0,
        src_index: index,
        dst_kind: 'slice',
        dst_id: to,
        kind: 'token of step',
        share: 1,
        confidence,
      },
    })
    const run = await memoryRun({
      requests: [
        {
          request_id: 0,
          status: 'ok',
          sent_ns: 0,
          input_tokens: 20,
          cached_tokens: 8,
          first_token_ns: 25e6,
          last_token_ns: 60e6,
          end_ns: 61e6,
        },
      ],
      chunks: [25e6, 45e6, 60e6].map((t_ns, index) => ({ request_id: 0, index, t_ns, tokens: 1, kind: 'content' })),
      strings: ['execute_context_2(24)_generation_0(0)', 'execute_context_0(0)_generation_4(4)'].map((text, id) => ({
        id,
        text,
      })),
      tracks: [{ track_id: 1, layer: 'engine', name: 'engine_steps', clock: 'unix' }],
      slices: [step(1, 10e6, 24, name('prefill')), step(2, 30e6, 4, name('decode')), step(3, 45e6, 4, name('decode'))],
      links: [tied(0, 1, 'inferred'), tied(1, 2, 'inferred'), tied(2, 3, 'unresolved')],
    })
    const { steps, tokens, parts } = await requestStory(run, { requestId: 0, split: 'tokens' })
    expect(
      steps.map(({ step_id, kind, stage, tokens: own, share, profile_step_id }) => [
        step_id,
        kind,
        stage,
        own,
        share,
        profile_step_id,
      ]),
    ).toEqual([
      [1, 'prefill', 'prefill', 12, 0.5, 1],
      [2, 'decode', 'decode', 1, 0.25, 2],
    ])
    expect(tokens.map(({ step_id, confidence }) => [step_id, confidence])).toEqual([
      [1, 'inferred'],
      [2, 'inferred'],
      [3, 'unresolved'],
    ])
    expect(parts.map(({ part, ms }) => [part, ms])).toEqual([
      ['due_to_sent', 0],
      ['queue', 10],
      ['prefill', 10],
      ['to_client', 5],
      ['decode', 35],
      ['end', 1],
    ])
    const equal = await requestStory(run, { requestId: 0, split: 'equal' })
    expect(equal.steps.map(({ share }) => share)).toEqual([0.5, 0.25])
    await run.close()
  })

  it('says which requests and tokens there are, where one is asked for that is not', async () => {
    await expect(requestStory(reader, { requestId: 4, split: 'tokens' })).rejects.toMatchObject({
      code: 'input/request',
      hint: expect.stringContaining('from 3 to 3'),
    })
    await expect(requestStory(reader, { requestId: 3, token: 3, split: 'tokens' })).rejects.toMatchObject({
      code: 'input/token',
      hint: expect.stringContaining('from 1 to 2'),
    })
  })
})

import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PromptRow } from '../workload/prompts.ts'
import { partsSchedule, promptSchedule, type Schedule } from './prompt-drafts.ts'

const prompts = Array.from(
  { length: 300 },
  (_, i): PromptRow => ({
    id: String(i),
    size: null,
    requestedUnit: null,
    stage: null,
    prompt: `prompt ${i}`,
    maxTokens: i % 3 === 0 ? 7 : null,
    attrs: null,
    line: i + 2,
  }),
)

test('asks for the room of many prompts a few at a time, and gives each its own', async () => {
  let asking = 0
  let most = 0
  const asked: PromptRow['prompt'][] = []
  const { measured } = await promptSchedule(prompts, {
    model: 'm',
    sampling: {},
    seed: 1,
    stream: true,
    maxTokens: undefined,
    stage: undefined,
    repeat: 1,
    warmup: 0,
    room: async (prompt) => {
      asked.push(prompt)
      most = Math.max(most, ++asking)
      await turn()
      asking--
      return 1000 + Number(String(prompt).split(' ')[1])
    },
  })
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(8)
  expect(asked).toHaveLength(200)
  expect(measured.map(({ maxTokens }) => maxTokens)).toEqual(prompts.map((_, i) => (i % 3 === 0 ? 7 : 1000 + i)))
})

describe('the schedule of several parts', () => {
  const options = { model: 'm', seed: 3, stream: true, warmup: 0, room: async () => null }
  const part = (name: string, count: number, repeat: number) => ({
    prompts: prompts.slice(0, count).map((row) => ({ ...row, id: `${name}${row.id}` })),
    sampling: { of: name },
    maxTokens: count,
    stage: undefined,
    repeat,
  })

  test('holds each prompt of each part and pass once, in an order that the seed decides', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(9), fc.nat(9), fc.integer({ min: 1, max: 4 }), fc.nat(), async (a, b, repeat, seed) => {
        const parts = [part('a', a + 1, repeat), part('b', b + 1, 1)]
        const given = await partsSchedule(parts, { ...options, seed, order: 'given', warmup: 2 })
        const random = await partsSchedule(parts, { ...options, seed, order: 'random', warmup: 2 })
        const again = await partsSchedule(parts, { ...options, seed, order: 'random', warmup: 2 })
        expect(again).toEqual(random)
        const total = (a + 1) * repeat + b + 1
        for (const { warmup, measured } of [given, random]) {
          const all = [...warmup, ...measured]
          expect(all.map(({ requestId }) => requestId)).toEqual(Array.from({ length: total + 2 }, (_, i) => i))
          expect(warmup.map(({ promptId }) => promptId)).toEqual(
            [0, 1].map((i) => measured[i % measured.length]?.promptId),
          )
          for (const { promptId, sampling, maxTokens } of measured) {
            expect([sampling, maxTokens]).toEqual(
              promptId?.startsWith('a') ? [{ of: 'a' }, a + 1] : [{ of: 'b' }, b + 1],
            )
          }
        }
        const asked = ({ measured }: Schedule) => measured.map((d) => `${d.promptId} ${d.repeat}`)
        expect(asked(given)).toEqual([
          ...Array.from({ length: repeat }, (_, pass) =>
            Array.from({ length: a + 1 }, (_, i) => `a${i} ${pass}`),
          ).flat(),
          ...Array.from({ length: b + 1 }, (_, i) => `b${i} 0`),
        ])
        expect(asked(random).sort()).toEqual(asked(given).sort())
      }),
      { numRuns: 50 },
    )
  })

  test('is another with another seed', async () => {
    const parts = [part('a', 100, 1)]
    const orders = []
    for (const seed of [1, 2]) {
      const { measured } = await partsSchedule(parts, { ...options, seed, order: 'random' })
      orders.push(measured.map(({ promptId }) => promptId).join())
    }
    expect(orders[0]).not.toBe(orders[1])
  })
})

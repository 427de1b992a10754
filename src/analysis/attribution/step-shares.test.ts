import fc from 'fast-check'
import { expect, it } from 'vitest'
import { memoryRun } from '../../../test/support/memory-run.ts'
import { SPLIT_MODELS, stepShares } from './step-shares.ts'
import { partsOf } from './step-work.ts'

const NAMES = ['step', 'prefill', 'chunked prefill', 'decode']

interface Part {
  tokens: number
  own: boolean
  stage: number
}

/** A run of steps, each with some requests, some of them from other clients. */
async function sharesOf(steps: Part[][], model: (typeof SPLIT_MODELS)[number]) {
  const slices = steps.flatMap((parts, i) => [
    {
      slice_id: 1000 + i,
      t_ns: i * 10,
      dur_ns: 10,
      name_id: 0,
      category: 'step',
      tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0),
      // As the source writes it: only where there are others.
      args: parts.every(({ own }) => own) ? null : JSON.stringify({ requests: parts.length }),
    },
    ...parts.flatMap(({ tokens, own, stage }, request) =>
      own
        ? [
            {
              slice_id: 2000 + i * 100 + request,
              t_ns: i * 10,
              dur_ns: 10,
              category: 'scheduled',
              step_id: 1000 + i,
              request_id: request,
              tokens,
              name_id: stage,
            },
          ]
        : [],
    ),
  ])
  const reader = await memoryRun({ slices, strings: NAMES.map((text, id) => ({ id, text })) })
  const rows = await reader.query(`SELECT * FROM ${stepShares(model)} ORDER BY step_id, request_id`)
  await reader.close()
  return rows.map(({ step_id, request_id, share }) => ({
    step: Number(step_id) - 1000,
    request: Number(request_id),
    share: Number(share),
  }))
}

const part = fc.record({
  tokens: fc.integer({ min: 1, max: 4096 }),
  own: fc.boolean(),
  stage: fc.integer({ min: 1, max: 3 }),
})
const steps = fc.array(fc.array(part, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 })

it.each(SPLIT_MODELS)('divides every step whole, whoever its requests are of: %s', async (model) => {
  await fc.assert(
    fc.asyncProperty(steps, async (made) => {
      const shares = await sharesOf(made, model)
      made.forEach((parts, step) => {
        const of = shares.filter((each) => each.step === step)
        expect(of.map(({ request }) => request)).toEqual(parts.flatMap(({ own }, request) => (own ? [request] : [])))
        const total = parts.reduce((sum, { tokens }) => sum + tokens, 0)
        const weight = ({ tokens }: Part) => (model === 'tokens' ? tokens / total : 1 / parts.length)
        for (const { request, share } of of) expect(share).toBeCloseTo(weight(parts[request] as Part), 12)
        const others = parts.filter(({ own }) => !own).reduce((sum, each) => sum + weight(each), 0)
        expect(of.reduce((sum, { share }) => sum + share, others)).toBeCloseTo(1, 12)
      })
    }),
    { numRuns: 15 },
  )
})

it('cuts a step into parts that add up to it, whatever ran in it', () => {
  const ran = fc.array(fc.record({ from: fc.nat(1000), lasts: fc.nat(300), called: fc.option(fc.nat(1000)) }), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(ran, (made) => {
      const clip = (ns: number) => Math.min(ns, 1000)
      const work = made
        .map(({ from, lasts, called }) => ({
          name: 'x',
          fromNs: from,
          toNs: clip(from + lasts),
          selfNs: 0,
          callNs: called,
        }))
        .sort((a, b) => a.fromNs - b.fromNs)
      const parts = partsOf(work, { fromNs: 0, toNs: 1000 })
      const { before_ms, busy_ms, gap_ms, after_ms, launch_gap_ms } = parts
      expect((before_ms + busy_ms + gap_ms + after_ms) * 1e6).toBeCloseTo(1000, 6)
      // ns by ns: where something ran.
      const covered = Array.from({ length: 1000 }, (_, ns) => work.some((w) => w.fromNs <= ns && ns < w.toNs))
      expect(busy_ms * 1e6).toBeCloseTo(covered.filter(Boolean).length, 6)
      expect(launch_gap_ms === null).toBe(work.every(({ callNs }) => callNs === null))
      expect(launch_gap_ms ?? 0).toBeLessThanOrEqual(gap_ms + 1e-12)
    }),
  )
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseArrivalProcess } from '../arrival-processes/arrival-processes.ts'
import type { Arrival } from '../arrivals/arrival.ts'
import { parseDraw } from '../distributions/bounded-draw.ts'
import { parseLengths, resolveLengths } from '../lengths/length-spec.ts'
import { PendingTurns } from './pending-turns.ts'
import type { SyntheticLoad } from './synthetic-load.ts'
import { syntheticSchedule } from './synthetic-schedule.ts'

const noTrace = () => Promise.reject(new Error('no trace is opened here'))
const count = (text: string) => parseDraw('--turns', text, 'count', { min: 1, max: 1000 })
const seconds = (text: string) => parseDraw('--think-time', text, 'seconds', { min: 0, max: 1e6 })

async function load(more: Partial<SyntheticLoad> = {}, input = 'uniform:10,100', output: string | null = '20') {
  const outputSpec = output === null ? null : parseLengths('--output-tokens', output)
  return {
    seed: 1,
    process: parseArrivalProcess('poisson', 50),
    lengths: await resolveLengths(parseLengths('--input-tokens', input), outputSpec, 1, noTrace),
    requests: 1000,
    durationS: null,
    sharedPrefix: null,
    turns: null,
    think: null,
    ...more,
  } satisfies SyntheticLoad
}

async function read(of: SyntheticLoad, from?: number): Promise<Arrival[]> {
  const all: Arrival[] = []
  for await (const batch of syntheticSchedule(of).batches(from)) all.push(...batch)
  return all
}

describe('syntheticSchedule', () => {
  it('ends after so many requests, after so long, or by what comes first', async () => {
    expect(await read(await load({ requests: 77 }))).toHaveLength(77)
    const timed = await read(await load({ requests: null, durationS: 10 }))
    expect(timed.at(-1)?.tUs).toBeLessThan(10e6)
    expect(Math.abs(timed.length - 500)).toBeLessThan(4 * Math.sqrt(500))
    expect(await read(await load({ requests: 77, durationS: 10 }))).toHaveLength(77)
    expect(await read(await load({ requests: 1e6, durationS: 10 }))).toEqual(timed)
    const ramp = parseArrivalProcess('ramp:9,0,2s', null)
    expect((await read(await load({ process: ramp, requests: 1000 }))).length).toBeLessThan(30)
  })

  it('of an open loop must end', async () => {
    const endless = await load({ requests: null })
    expect(() => syntheticSchedule(endless)).toThrow('nothing says when the load ends')
  })

  it('is the same read again, and from any place on', async () => {
    for (const of of [await load(), await load({ turns: count('uniform:1,5'), think: seconds('exponential:1') })]) {
      const all = await read(of)
      expect(all.map(({ index }) => index)).toEqual(all.map((_, i) => i))
      for (const [i, { tUs }] of all.entries()) expect(tUs).toBeGreaterThanOrEqual(all[i - 1]?.tUs ?? 0)
      expect(await read(of)).toEqual(all)
      for (const from of [1, 255, 256, 257, 999, 1000]) expect(await read(of, from)).toEqual(all.slice(from))
      expect(await read({ ...of, seed: 2 })).not.toEqual(all)
    }
  })

  it('counts what bounds changed, once a reading', async () => {
    // A continuous distribution has no values at the bound itself: those were put there.
    const schedule = syntheticSchedule(await load({}, 'uniform:1000,9000,max=5000'))
    for (let reading = 0; reading < 2; reading++) {
      let clipped = 0
      for await (const batch of schedule.batches()) clipped += batch.filter((one) => one.inputTokens === 5000).length
      expect(clipped).toBeGreaterThan(400)
      expect(schedule.counts).toEqual({ input_tokens_clipped: clipped })
    }
  })

  it('says what it is', async () => {
    const { provenance, notes, total, spanUs } = syntheticSchedule(
      await load({ sharedPrefix: { tokens: 16, count: 4 }, requests: null, durationS: 60 }),
    )
    expect(provenance).toMatchObject({
      kind: 'synthetic',
      seed: 1,
      arrival: { process: 'poisson', rate: 50 },
      input_tokens: { distribution: 'uniform', from: 10, to: 100 },
      output_tokens: { distribution: 'const', value: 20 },
      duration_s: 60,
      shared_prefix_tokens: 16,
      shared_prefix_count: 4,
    })
    expect(notes.join('\n')).toContain('poisson, 50 a second')
    expect({ total, spanUs }).toEqual({ total: null, spanUs: 60e6 })
  })

  it('shares beginnings evenly', async () => {
    const all = await read(await load({ sharedPrefix: { tokens: 50, count: 4 } }))
    const users = new Map<number, number>()
    for (const { prefix } of all) users.set(prefix?.id ?? -1, (users.get(prefix?.id ?? -1) ?? 0) + 1)
    expect([...users.keys()].sort()).toEqual([0, 1, 2, 3])
    for (const of of users.values()) expect(Math.abs(of - 250)).toBeLessThan(4 * Math.sqrt(250))
  })
})

describe('conversations', () => {
  it('carry all that was said, and pause', async () => {
    const all = await read(await load({ turns: count('4'), think: seconds('uniform:1s,3s'), requests: 2000 }))
    const sessions = groups(all)
    for (const turns of sessions.values()) {
      expect(turns.map(({ session }) => session?.turn)).toEqual(turns.map((_, k) => k))
      for (const [k, turn] of turns.entries()) {
        const before = turns[k - 1]
        if (before === undefined) continue
        const added = turn.inputTokens - before.inputTokens - (before.outputTokens ?? 0)
        expect(added).toBeGreaterThanOrEqual(10)
        expect(added).toBeLessThanOrEqual(100)
        const pauseUs = turn.tUs - before.tUs
        expect(turn.session?.thinkUs).toBeCloseTo(pauseUs, 3)
        expect(pauseUs).toBeGreaterThanOrEqual(1e6)
        expect(pauseUs).toBeLessThanOrEqual(3e6)
      }
    }
    expect([...sessions.values()].filter((turns) => turns.length === 4).length).toBeGreaterThan(300)
  })

  it('are the same however they overlap', async () => {
    const slow = groups(await read(await load({ turns: count('3'), think: seconds('1') })))
    const fast = groups(await read(await load({ turns: count('3'), think: seconds('1ms') })))
    const lengths = (turns: Arrival[] | undefined) => turns?.map(({ inputTokens }) => inputTokens)
    for (let s = 0; s < 200; s++) expect(lengths(slow.get(`s${s}`))).toEqual(lengths(fast.get(`s${s}`)))
  })

  it('of a closed loop come one after the other, without times', async () => {
    const all = await read(await load({ process: null, turns: count('3'), think: seconds('2s'), requests: 7 }))
    expect(all.map(({ session }) => `${session?.id}.${session?.turn}`)).toEqual([
      's0.0',
      's0.1',
      's0.2',
      's1.0',
      's1.1',
      's1.2',
      's2.0',
    ])
    expect(all.every(({ tUs }) => tUs === 0)).toBe(true)
    expect(all[1]?.session?.thinkUs).toBe(2e6)
  })
})

it('PendingTurns gives what is put in, by time', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(50))), (steps) => {
      const heap = new PendingTurns<{ tUs: number; session: number }>()
      let held: { tUs: number; session: number }[] = []
      for (const [session, tUs] of steps.entries()) {
        if (tUs === null) {
          held = held.sort((a, b) => a.tUs - b.tUs || a.session - b.session)
          expect(heap.next).toEqual(held[0])
          expect(heap.pop()).toEqual(held.shift())
        } else {
          heap.push({ tUs, session })
          held.push({ tUs, session })
        }
      }
    }),
  )
})

function groups(all: readonly Arrival[]): Map<string, Arrival[]> {
  const sessions = new Map<string, Arrival[]>()
  for (const arrival of all) {
    const id = arrival.session?.id ?? ''
    sessions.set(id, [...(sessions.get(id) ?? []), arrival])
  }
  return sessions
}

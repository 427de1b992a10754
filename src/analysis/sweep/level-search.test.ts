import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../base/random-stream.ts'
import { shareInterval } from '../slo/share-interval.ts'
import { type LevelSearch, MOST_STEPS, nextMove, type SearchEnd, type StepOutcome } from './level-search.ts'
import { judgeShare } from './step-outcome.ts'
import { sweepResult } from './sweep-result.ts'

interface Tried {
  level: number
  outcome: StepOutcome
}

const OPEN: LevelSearch = { from: 1, low: null, high: null, whole: false, precision: 0.05 }

/** Searches a server that does so at each rate. */
function searched(search: LevelSearch, outcomeAt: (rate: number) => StepOutcome) {
  const tried: Tried[] = []
  for (;;) {
    const move = nextMove(search, tried)
    if (move.end !== null) return { tried, end: move.end as SearchEnd }
    tried.push({ level: move.level, outcome: outcomeAt(move.level) })
  }
}

const ceiling = (capacity: number) => (rate: number) => (rate <= capacity ? ('meets' as const) : ('fails' as const))

describe('nextMove', () => {
  it('doubles until a rate fails, then goes to the middle', () => {
    const { tried, end } = searched({ ...OPEN, precision: 0.2 }, ceiling(9))
    expect(tried.map(({ level }) => level)).toEqual([1, 2, 4, 8, 16, 11.3, 9.51])
    expect(end).toBe('bracketed')
  })

  it('halves where the first rate fails already', () => {
    expect(searched({ ...OPEN, precision: 0.5 }, ceiling(0.3)).tried.map(({ level }) => level)).toEqual([
      1, 0.5, 0.25, 0.354,
    ])
  })

  it('closes in on any capacity, within the precision and in few steps', () => {
    const capacity = fc.double({ min: 0.02, max: 1e5, noNaN: true })
    const precision = fc.double({ min: 0.001, max: 1, noNaN: true })
    fc.assert(
      fc.property(capacity, precision, (c, p) => {
        const { tried, end } = searched({ ...OPEN, precision: p }, ceiling(c))
        expect(end).toBe('bracketed')
        const met = Math.max(...tried.filter(({ outcome }) => outcome === 'meets').map((t) => t.level))
        const failed = Math.min(...tried.filter(({ outcome }) => outcome === 'fails').map((t) => t.level))
        expect(met).toBeLessThanOrEqual(c)
        expect(failed).toBeGreaterThan(c)
        expect(failed / met).toBeLessThanOrEqual(1 + p + 1e-9)
        expect(new Set(tried.map((t) => t.level)).size).toBe(tried.length)
        // Doublings or halvings to the bracket, bisections of log 2 to log (1 + p), and one for what rounding costs.
        const most = Math.ceil(Math.abs(Math.log2(c))) + 2 + Math.ceil(Math.log2(Math.LN2 / Math.log1p(p))) + 1
        expect(tried.length).toBeLessThanOrEqual(most)
      }),
    )
  })

  it('foretells how many steps are left at most, once it has a bracket', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 1000, noNaN: true }), (capacity) => {
        const { tried } = searched(OPEN, ceiling(capacity))
        for (const [i] of tried.entries()) {
          const move = nextMove(OPEN, tried.slice(0, i))
          const after = tried.length - i - 1
          if (move.end === null && move.after !== null) expect(after).toBeLessThanOrEqual(move.after)
        }
        // Before the last step it is known to be the last.
        expect(nextMove(OPEN, tried.slice(0, -1))).toMatchObject({ after: 0 })
      }),
    )
  })

  it('finds the very number of users, or as near as the precision asks', () => {
    const users = fc.integer({ min: 1, max: 5000 })
    const precision = fc.constantFrom(0.0001, 0.05, 0.3)
    fc.assert(
      fc.property(users, precision, (capacity, p) => {
        const { tried, end } = searched({ ...OPEN, whole: true, precision: p }, ceiling(capacity))
        expect(end).toBe('bracketed')
        expect(tried.every(({ level }) => Number.isSafeInteger(level) && level >= 1)).toBe(true)
        const met = Math.max(...tried.filter(({ outcome }) => outcome === 'meets').map((t) => t.level))
        const failed = Math.min(...tried.filter(({ outcome }) => outcome === 'fails').map((t) => t.level))
        expect(met).toBeLessThanOrEqual(capacity)
        expect(failed).toBeGreaterThan(capacity)
        expect(failed - met === 1 || failed / met <= 1 + p).toBe(true)
        for (const [i] of tried.entries()) {
          const move = nextMove({ ...OPEN, whole: true, precision: p }, tried.slice(0, i))
          if (move.end === null && move.after !== null) expect(tried.length - i - 1).toBeLessThanOrEqual(move.after)
        }
      }),
    )
    expect(searched({ ...OPEN, whole: true }, ceiling(0)).tried).toHaveLength(1)
  })

  it('stays within the limits it was given, and says when they are not enough', () => {
    const within = { from: 2, low: 2, high: 10, whole: false, precision: 0.05 }
    const all = searched(within, ceiling(50))
    expect(all.tried.map(({ level }) => level)).toEqual([2, 4, 8, 10])
    expect(all.end).toBe('all_met')
    const none = searched(within, ceiling(1))
    expect(none.tried).toHaveLength(1)
    expect(none.end).toBe('none_met')
    expect(searched(OPEN, ceiling(1e-6)).end).toBe('none_met')
    const endless = searched(OPEN, () => 'meets')
    expect(endless).toMatchObject({ end: 'steps_spent' })
    expect(endless.tried).toHaveLength(MOST_STEPS)
  })

  it('tries nothing above a rate that could not be offered', () => {
    const { tried, end } = searched(OPEN, (rate) => (rate > 100 ? 'not_offered' : 'meets'))
    expect(end).toBe('bracketed')
    expect(Math.max(...tried.map(({ level }) => level))).toBe(128)
  })
})

describe('a search of a noisy server', () => {
  const TARGET = 0.9
  const TRUTH = 12
  /** Attainment falls smoothly, through the target at TRUTH. */
  const attainmentAt = (rate: number) => 1 / (1 + (1 / TARGET - 1) * (rate / TRUTH) ** 8)

  function search(seed: number, requests: number) {
    const { uniform } = randomStream('noisy server', seed)
    const steps: { level: number; slo_attainment: { value: number; low: number | null; high: number | null } }[] = []
    const { tried } = searched(OPEN, (rate) => {
      const met = Array.from({ length: requests }).filter(() => uniform() < attainmentAt(rate)).length
      const share = shareInterval([{ requests, met }])
      if (share === null) throw new Error('nothing offered')
      steps.push({ level: rate, slo_attainment: share })
      return judgeShare(share, TARGET).outcome
    })
    const judged = steps.map((step, i) => {
      const { sure } = judgeShare(step.slo_attainment, TARGET)
      return {
        ...step,
        offered_per_s: step.level,
        achieved_per_s: step.level,
        outcome: tried[i]?.outcome ?? null,
        sure,
      }
    })
    return sweepResult('rate', judged, TARGET)
  }

  it('has the truth between the rates that are sure, in nineteen of twenty searches', () => {
    const results = Array.from({ length: 200 }, (_, seed) => search(seed, 400))
    const holds = results.filter(({ sure }) => (sure.low ?? 0) <= TRUTH && TRUTH <= (sure.high ?? Infinity))
    expect(holds.length).toBeGreaterThanOrEqual(190)
    // And it is an interval that says something: within a factor of two, mostly.
    const narrow = results.filter(({ sure }) => sure.low !== null && sure.high !== null && sure.high / sure.low < 2)
    expect(narrow.length).toBeGreaterThanOrEqual(190)
  })

  it('comes nearer with more requests a step', () => {
    const off = (requests: number) =>
      Array.from({ length: 60 }, (_, seed) =>
        Math.abs(Math.log((search(seed, requests).max_goodput_per_s ?? 0) / TRUTH)),
      ).reduce((sum, error) => sum + error, 0)
    expect(off(4000)).toBeLessThan(off(60))
  })
})

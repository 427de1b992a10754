/** A request that a step may admit. */
export interface Candidate {
  readonly sentNs: number
  /** When its first token arrived; infinite if none did. */
  readonly firstNs: number
  /** Prompt tokens that it needs, at least and at most. */
  readonly least: number
  readonly most: number
}

export interface Intake {
  /** How many, and with how many tokens in all. */
  readonly count: number
  readonly tokens: number
  /** At most how many of these tokens belong to requests admitted earlier; at least one if it is not 0. */
  readonly others: number
  /** The step is full: one of the prompts may have been cut. */
  readonly full: boolean
  /** A request whose first token arrived before this has it from this step; later ones most likely not. */
  readonly firstBefore: number
  /** Whether delivery is so fast compared with a step that a first token after `firstBefore` is from a later step. */
  readonly quick: boolean
  /**
   * Requests sent closer together than this may reach the scheduler in the other order; infinite if the order says
   * nothing.
   */
  readonly reorderNs: number
}

export interface Choice {
  /** Numbers of the candidates, ascending. */
  readonly chosen: readonly number[]
  /** The request whose prompt was cut. */
  readonly cut: number | null
  /** Another choice would fit as well: the requests that are in one and not in the other. */
  readonly doubtful: ReadonlySet<number>
}

interface Option {
  readonly set: readonly number[]
  readonly cut: number | null
}

const LOOK_AHEAD = 6
const MOST_TRIES = 20_000

/**
 * Which of the candidates a step admitted, first come first served: the first set in the order of sending that has the
 * step's number of requests and tokens, and omits no request whose first token came too early for a later step; or a
 * similar set that swaps requests sent close together and fits the first tokens better. null: no set fits.
 */
export function chooseIntake(all: readonly Candidate[], intake: Intake): Choice | null {
  const due = new Set(all.flatMap(({ firstNs }, i) => (firstNs < intake.firstBefore ? [i] : [])))
  const candidates = all.slice(0, Math.max(intake.count + LOOK_AHEAD, Math.max(-1, ...due) + 1))
  const first = firstSet(candidates, due, intake)
  if (first === null) return null
  const options = [first, ...near(candidates, first, due, intake)]
  const misfits = options.map((option) => misfitsOf(candidates, option, intake))
  const least = Math.min(...misfits)
  const best = options[misfits.indexOf(least)] as Option
  const doubtful = new Set<number>()
  for (const [k, option] of options.entries()) {
    if (option === best || (intake.quick && misfits[k] !== least)) continue
    const differing = difference(best, option)
    for (const i of differing) {
      // Two requests whose first tokens came quickly, in the order of sending, did not change places.
      if (!intake.quick || option === first || differing.some((j) => inverted(candidates, i, j))) doubtful.add(i)
    }
  }
  return { chosen: best.set, cut: best.cut, doubtful }
}

const at = (candidates: readonly Candidate[], i: number) => candidates[i] as Candidate

function inverted(candidates: readonly Candidate[], i: number, j: number): boolean {
  const [a, b] = [at(candidates, Math.min(i, j)), at(candidates, Math.max(i, j))]
  return i !== j && b.firstNs <= a.firstNs
}

/** Requests that are admitted, or admitted whole, in one and not in the other. */
function difference(a: Option, b: Option): number[] {
  const whole = ({ set, cut }: Option) => set.filter((i) => i !== cut)
  const only = (x: readonly number[], y: readonly number[]) => x.filter((i) => !y.includes(i))
  return [
    ...new Set([
      ...only(a.set, b.set),
      ...only(b.set, a.set),
      ...only(whole(a), whole(b)),
      ...only(whole(b), whole(a)),
    ]),
  ]
}

/** Requests admitted whole whose first token came too late for that. */
function misfitsOf(candidates: readonly Candidate[], { set, cut }: Option, { firstBefore }: Intake): number {
  return set.filter((i) => i !== cut && at(candidates, i).firstNs >= firstBefore).length
}

/** The set with one of its requests exchanged, or another of them cut, where both were sent close together. */
function near(
  candidates: readonly Candidate[],
  { set, cut }: Option,
  due: ReadonlySet<number>,
  intake: Intake,
): Option[] {
  const close = (i: number, j: number) =>
    Math.abs(at(candidates, i).sentNs - at(candidates, j).sentNs) <= intake.reorderNs
  const options: Option[] = []
  const sets = [set]
  for (const left of set.filter((i) => !due.has(i))) {
    for (let taken = 0; taken < candidates.length; taken++) {
      if (!set.includes(taken) && close(left, taken))
        sets.push(set.map((i) => (i === left ? taken : i)).sort((a, b) => a - b))
    }
  }
  for (const each of sets) {
    if (each !== set && fitsWhole(candidates, each, intake)) options.push({ set: each, cut: null })
    const last = each.at(-1) as number
    for (const i of each) {
      if ((each === set && i === cut) || due.has(i) || !close(i, last)) continue
      if (fitsCut(candidates, each, i, intake)) options.push({ set: each, cut: i })
    }
  }
  return options
}

function fitsWhole(candidates: readonly Candidate[], set: readonly number[], { tokens, others }: Intake): boolean {
  const least = set.reduce((sum, i) => sum + at(candidates, i).least, others > 0 ? 1 : 0)
  return least <= tokens && tokens <= set.reduce((sum, i) => sum + at(candidates, i).most, others)
}

/** Whether the others leave `cut` some tokens, and fewer than it needs. */
function fitsCut(candidates: readonly Candidate[], set: readonly number[], cut: number, intake: Intake): boolean {
  if (!intake.full) return false
  const before = set.reduce((sum, i) => sum + (i === cut ? 0 : at(candidates, i).least), 0)
  return before < intake.tokens && intake.tokens < set.reduce((sum, i) => sum + at(candidates, i).most, intake.others)
}

function firstSet(candidates: readonly Candidate[], due: ReadonlySet<number>, intake: Intake): Option | null {
  const chosen: number[] = []
  let tries = 0
  const extend = (from: number, least: number): Option | null => {
    if (++tries > MOST_TRIES) return null
    const missing = intake.count - chosen.length
    if (missing === 0) {
      for (let i = from; i < candidates.length; i++) if (due.has(i)) return null
      return optionOf(candidates, [...chosen], due, intake)
    }
    for (let i = from; i <= candidates.length - missing; i++) {
      const needs = least + at(candidates, i).least
      // One of them may be cut.
      if (least <= intake.tokens && (needs <= intake.tokens || intake.full)) {
        chosen.push(i)
        const found = extend(i + 1, needs <= intake.tokens ? needs : least)
        if (found !== null) return found
        chosen.pop()
      }
      if (due.has(i)) return null
    }
    return null
  }
  return extend(0, 0)
}

function optionOf(
  candidates: readonly Candidate[],
  set: number[],
  due: ReadonlySet<number>,
  intake: Intake,
): Option | null {
  const whole = fitsWhole(candidates, set, intake)
  const cut = set.findLast((i) => !due.has(i) && fitsCut(candidates, set, i, intake)) ?? null
  if (cut === null) return whole ? { set, cut: null } : null
  // If it is not known how many tokens it needs, a late first token shows that it was cut.
  return whole && at(candidates, cut).firstNs < intake.firstBefore ? { set, cut: null } : { set, cut }
}

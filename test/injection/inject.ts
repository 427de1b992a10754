import { setTimeout as sleep } from 'node:timers/promises'
import { errorText } from '../../src/base/errors.ts'
import type { Harm, Injector } from './injectors/injector.ts'

export interface Injected {
  /** When the fault could have an effect, on the monotonic clock. */
  readonly done: readonly { readonly fromNs: bigint; readonly toNs: bigint }[]
  /** What went wrong in single injections, each text once. */
  readonly failures: string[]
}

/**
 * Injects repeatedly until a time of `performance.now()`. A failed injection is reported, and counts as done for as
 * long as it took: it may have had an effect.
 */
export async function inject(
  harm: Pick<Harm, 'leastMs' | 'pauseMs' | 'tailMs'>,
  injector: Pick<Injector, 'begin' | 'end'>,
  untilMs: number,
  random: () => number,
): Promise<Injected> {
  const done: { fromNs: bigint; toNs: bigint }[] = []
  const failures = new Set<string>()
  const tried = async (step: () => Promise<void> | void) => {
    try {
      await step()
    } catch (error) {
      failures.add(errorText(error))
    }
  }
  while (performance.now() < untilMs) {
    await tried(() => injector.begin())
    const fromNs = process.hrtime.bigint()
    await sleep(harm.leastMs * (1 + random()))
    await tried(() => injector.end())
    done.push({ fromNs, toNs: process.hrtime.bigint() + BigInt(harm.tailMs) * 1_000_000n })
    await sleep(harm.pauseMs * (1 + random()))
  }
  return { done, failures: [...failures] }
}

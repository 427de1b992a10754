import { LayerlineError } from '../../base/errors.ts'
import { ScheduleUsers } from '../../session/closed-loop/schedule-users.ts'
import { OpenLoop } from '../../session/open-loop/open-loop.ts'
import { openTrace } from '../../workload/arrivals/open-trace.ts'
import { loadSchedule, loadSpec } from '../from-options/load-options.ts'
import type { OFFERED_LOAD_OPTIONS } from '../options/option-groups.ts'
import type { OptionValues } from '../options.ts'
import type { Offering, ScheduleContext } from './schedule-run.ts'

export type OfferedLoadOptions = OptionValues<(typeof OFFERED_LOAD_OPTIONS)[number]>

/** What these options offer, at a rate or by users. Throws `usage/*`. */
export function loadOffering(options: OfferedLoadOptions): (context: ScheduleContext) => Promise<Offering> {
  const { concurrency, duration } = options
  const closed = concurrency !== undefined
  const odd = closed
    ? (['max-in-flight', 'precise', 'resume'] as const).find((name) => options[name])
    : (['ramp-up'] as const).find((name) => options[name] !== undefined)
  if (odd !== undefined) {
    throw new LayerlineError('usage/arguments', `--${odd} is for ${closed ? 'an open loop' : 'a closed loop'}`, {
      hint: closed ? 'leave --concurrency out, and give --rate' : 'give --concurrency, the number of users',
    })
  }
  const dependency = options.dependency === 'schedule' ? 'schedule' : 'causal'
  const durationNs = duration === undefined ? null : duration * 1e9
  return async ({ seed, maxModelLen }) => {
    const spec = loadSpec(options, { closed, room: maxModelLen })
    const schedule = await loadSchedule(spec, seed, (path) => openTrace({ path }))
    const maxInFlight = options['max-in-flight'] ?? null
    return {
      schedule,
      loop: closed ? 'closed' : 'open',
      perSecond: closed ? undefined : options.rate,
      offerer: (common, part) =>
        closed
          ? new ScheduleUsers({
              ...common,
              ...part,
              schedule,
              users: concurrency,
              rampUpMs: (options['ramp-up'] ?? 0) * 1000,
              durationNs,
            })
          : new OpenLoop({
              ...common,
              ...part,
              schedule,
              speedup: 1,
              maxInFlight,
              durationNs,
              precise: options.precise,
              dependency,
            }),
      plan: closed
        ? { max_in_flight: concurrency, dependency: 'causal' }
        : { speedup: 1, max_in_flight: maxInFlight, dependency, pacing: options.precise ? 'precise' : 'thread' },
      config: { concurrency: concurrency ?? null, ramp_up_s: options['ramp-up'] ?? null },
    }
  }
}

import { LayerlineError } from '../../base/errors.ts'
import { OpenLoop } from '../../session/open-loop/open-loop.ts'
import { openTrace } from '../../workload/arrivals/open-trace.ts'
import type { Run } from '../command.ts'
import type { replayCommand } from '../commands/replay.ts'
import { traceOptionsFrom } from '../from-options/trace-options.ts'
import { runSchedule } from '../runs/schedule-run.ts'

export const runReplay: Run<typeof replayCommand> = async ({ options }) => {
  const { concurrency, duration, speedup = 1 } = options
  if (concurrency !== undefined && options['max-in-flight'] !== undefined) {
    throw new LayerlineError('usage/arguments', '--concurrency and --max-in-flight are the same thing here', {
      hint: 'give one of them',
    })
  }
  const maxInFlight = options['max-in-flight'] ?? concurrency ?? null
  const dependency = options.dependency === 'schedule' ? 'schedule' : 'causal'
  return runSchedule('replay', options, async ({ seed, maxModelLen }) => {
    const schedule = await openTrace(traceOptionsFrom(options, { seed, maxModelLen }))
    return {
      schedule,
      loop: 'open',
      offerer: (common, part) =>
        new OpenLoop({
          ...common,
          ...part,
          schedule,
          speedup,
          maxInFlight,
          durationNs: duration === undefined ? null : duration * 1e9,
          precise: options.precise,
          dependency,
        }),
      plan: { speedup, max_in_flight: maxInFlight, dependency, pacing: options.precise ? 'precise' : 'thread' },
      config: { trace: options.trace, duration_s: duration ?? null },
      close: () => schedule.close(),
    }
  })
}

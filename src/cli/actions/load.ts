import type { Run } from '../command.ts'
import type { loadCommand } from '../commands/load.ts'
import { refuseSweepOptions } from '../from-options/sweep-options.ts'
import { loadOffering } from '../runs/load-offering.ts'
import { loadSweep } from '../runs/load-sweep.ts'
import { runSchedule } from '../runs/schedule-run.ts'

export const runLoad: Run<typeof loadCommand> = async ({ options }) => {
  if (options.sweep !== undefined) return loadSweep(options.sweep, options)
  refuseSweepOptions(options)
  return runSchedule('load', options, loadOffering(options))
}

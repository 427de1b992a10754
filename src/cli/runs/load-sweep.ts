import { EXIT, type ExitCode } from '../../base/errors.ts'
import { sweepText } from '../../dashboard/sweep-view.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { runRequests } from '../../session/request-run.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import { runSweep, type SweepArm } from '../../session/sweep/run-sweep.ts'
import { createRunFolder } from '../../store/run-folder.ts'
import {
  mayRepeat,
  parseSweep,
  type SweepOptions,
  searchArrival,
  stepCommandLine,
  stepLength,
} from '../from-options/sweep-options.ts'
import { hasColor } from '../views/print-report.ts'
import { sweepProgress } from '../views/sweep-progress.ts'
import { loadOffering } from './load-offering.ts'
import { checkSchedule, commonOf, endSources, filesNote, probedContext, requestRunOf } from './schedule-run.ts'

const WIDTH = 100

/** `load --sweep`: one run after another, and what they say together. */
export async function loadSweep(text: string, options: SweepOptions): Promise<ExitCode> {
  const { plan, target } = parseSweep(text, options)
  const { axis } = plan
  checkSchedule(options)
  const arrival = searchArrival(plan, options.arrival)
  const lengthOf = (level: number, times = 1) => stepLength(options, { axis, level, target, times })
  // Errors in the load are reported before any server is asked.
  const stepOf = (level: number, times = 1) => {
    const { requests, duration } = lengthOf(level, times)
    return { ...options, arrival, [axis]: level, requests, duration }
  }
  loadOffering(stepOf(1))
  const context = await probedContext(options)
  const stop = new StopSignal().install()
  const progress = sweepProgress(process.stderr, {
    plan,
    target,
    slo: options.slo ?? null,
    seed: context.seed,
    expectedS: (level, times) => lengthOf(level, times).expectedS,
    quiet: options.quiet,
  })
  try {
    if (context.target.insecure) process.stderr.write('layerline: --insecure: the server certificate is not checked\n')
    // Before the folder is made: a load that cannot be offered leaves none behind.
    await (await loadOffering(stepOf(plan.levels?.[0] ?? plan.search?.from ?? 1))(context)).close?.()
    const folder = createRunFolder('load', options.out, context.settings.get('traceDir'))
    const record = async (arm: SweepArm, out: string) => {
      // Prompts of its own: no step finds those of another in the server's cache.
      const salt = `${options.salt ?? context.seed}-${arm.step}`
      const step = { ...stepOf(arm.level, arm.times), salt, out }
      const made = await loadOffering(step)(context)
      const offering = { ...made, config: { ...made.config, sweep: { axis, level: arm.level, step: arm.step } } }
      try {
        const common = await commonOf(step, context)
        for (const note of [...offering.schedule.notes, ...common.prompts.notes, ...filesNote(offering, step)])
          progress.note(note)
        const { requests, duration } = step
        const commandLine = stepCommandLine(process.argv.slice(2), {
          [axis]: arm.level,
          arrival,
          requests,
          duration,
          salt,
        })
        const given = { command: 'load', options: step, context, offering, common, resumed: null, commandLine }
        return await runRequests(await stop.unlessStopped(requestRunOf(given), endSources), stop, progress.view)
      } finally {
        await offering.close?.()
      }
    }
    progress.introduces()
    const { begins, done } = progress
    const swept = await runSweep({
      folder,
      plan,
      seed: context.seed,
      slo: options.slo ?? null,
      target,
      stop,
      mayRepeat: (level, times) => mayRepeat(options, { axis, level, target, times }),
      record,
      begins,
      done,
    })
    progress.clear()
    if (options.json) process.stdout.write(`${JSON.stringify(swept, null, 2)}\n`)
    else if (!options.quiet) {
      const width = process.stdout.columns ?? WIDTH
      process.stdout.write(`\n${sweepText(swept, { width, paint: paintFor(hasColor()) })}`)
    }
    if (!options.quiet) process.stderr.write(`\nsweep: ${folder}\n`)
    else if (!options.json) process.stdout.write(`${folder}\n`)
    if (stop.stage !== 'running') return EXIT.interrupted
    return swept.steps.every(({ ok }) => ok === 0) ? EXIT.badVerdict : EXIT.done
  } finally {
    progress.clear()
    stop.release()
  }
}

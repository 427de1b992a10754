import { resolve } from 'node:path'
import { many } from '../../analysis/quantity.ts'
import { EXIT, type ExitCode, LayerlineError } from '../../base/errors.ts'
import { batchText } from '../../dashboard/kernels/batch-view.ts'
import { inventoryText } from '../../dashboard/kernels/inventory-view.ts'
import { describedText, tracersText } from '../../dashboard/kernels/tracers-view.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { type BatchState, countJobs } from '../../session/kernels/batch.ts'
import { batchSummary } from '../../session/kernels/batch-record.ts'
import { writeInventory } from '../../session/kernels/inventory/write-inventory.ts'
import { runBatch } from '../../session/kernels/run-batch.ts'
import { listingPython, tracingPython } from '../../session/kernels/workers/kernel-python.ts'
import { describeTracer, listTracers } from '../../session/kernels/workers/tracers.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import type { Run } from '../command.ts'
import type { kernelsCommand, OPTIONS } from '../commands/kernels.ts'
import { batchFrom, checkKernelsOptions, modelsFrom } from '../from-options/kernels-options.ts'
import type { OptionValues } from '../options.ts'
import { batchProgress } from '../views/batch-progress.ts'
import { busy } from '../views/busy.ts'
import { engineProgress } from '../views/engine-progress.ts'
import { hasColor } from '../views/print-report.ts'

type Options = OptionValues<(typeof OPTIONS)[number]>

export const runKernels: Run<typeof kernelsCommand> = async ({ arguments: [action, dir], options }) => {
  if (action === 'list' || options['list-tracers'] || (action === undefined && options.describe !== undefined)) {
    return list(options)
  }
  if (action === 'inventory') return inventory(dir, options)
  if (action === 'run' || hasModels(options)) return run(options)
  throw new LayerlineError('usage/arguments', 'no action; expected list, run or inventory', {
    hint: 'layerline kernels --help',
  })
}

function hasModels(options: Options): boolean {
  return [options.model, options.models, options['model-list'], options['models-file']].some(
    (each) => each !== undefined,
  )
}

async function list(options: Options): Promise<ExitCode> {
  const looking = <T>(work: () => Promise<T>) => busy(process.stderr, options.quiet, 'asking the tracers', work)
  const python = await looking(() => listingPython(options.python))
  const paths = options['tracer-path'] ?? []
  const style = { width: width(), paint: paintFor(hasColor()) }
  if (options.describe !== undefined) {
    const name = options.describe
    const tracer = await looking(() => describeTracer(python, name, paths))
    process.stdout.write(options.json ? json(tracer) : describedText(tracer, style))
    return EXIT.done
  }
  const tracers = await looking(() => listTracers(python, options.framework, paths))
  process.stdout.write(options.json ? json(tracers) : tracersText(tracers, style))
  return EXIT.done
}

async function run(options: Options): Promise<ExitCode> {
  checkKernelsOptions(options)
  const models = modelsFrom(options)
  const installing = engineProgress(process.stderr, options.quiet)
  const python = await tracingPython(options.python, installing.show).finally(installing.done)
  const plan = await batchFrom(options, models, python)
  const stop = new StopSignal().install()
  const stopping = new AbortController()
  const progress = batchProgress(process.stderr, options.quiet)
  stop.onChange(() => stopping.abort())
  try {
    const state = await runBatch(plan, progress.view, stopping.signal)
    progress.end()
    const made = await busy(process.stderr, options.quiet, 'writing the inventory', () =>
      writeInventory(plan.outputDir),
    )
    if (options.json) process.stdout.write(json(batchSummary(state)))
    else if (!options.quiet) {
      process.stdout.write(batchText(state, { width: width(), paint: paintFor(hasColor()) }))
      const found = `${many('operator', made.ops.length)} of ${many('trace', made.traces.length)}`
      process.stdout.write(
        `${found} in inventory.json and inventory.csv there; layerline kernels inventory shows them\n`,
      )
    }
    return exitOf(state)
  } finally {
    progress.end()
    stop.release()
  }
}

async function inventory(dir: string | undefined, options: Options): Promise<ExitCode> {
  const folder = resolve(dir ?? options['output-dir'] ?? 'outputs')
  const made = await busy(process.stderr, options.quiet, 'reading the traces', () => writeInventory(folder))
  const style = { width: width(), paint: paintFor(hasColor()) }
  process.stdout.write(options.json ? json(made) : inventoryText(made, style))
  return EXIT.done
}

/** 130 where it was cut off; 1 where anything that was asked for is not there. */
function exitOf(state: BatchState): ExitCode {
  if (state.stopping) return EXIT.interrupted
  const { done, bypassed, failed } = countJobs(state)
  const refused = state.models.filter(({ state: each }) => each === 'refused')
  if (done + bypassed + failed === 0 && refused.some(({ reason }) => reason === 'unreachable')) {
    const [first] = refused
    throw new LayerlineError('unreachable/models', `${first?.name}: ${first?.message}`)
  }
  return failed > 0 || refused.length > 0 ? EXIT.badVerdict : EXIT.done
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function width(): number {
  return Math.min(120, process.stdout.columns ?? 100)
}

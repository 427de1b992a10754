import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errorText } from '../../base/errors.ts'
import type { BatchJob, BatchPlan } from './batch.ts'
import { isTraced, readTraceStatus, type TraceWanted, writeTraceStatus } from './trace-status.ts'
import { importTracerRun } from './tracer-run.ts'
import { workerEnv } from './workers/worker-env.ts'
import { judgeWorker, type Outcome } from './workers/worker-outcome.ts'
import { runWorker } from './workers/worker-process.ts'

export const WORKER_LOG = 'worker.log'

/** Whether a job's trace is there already. */
export function isBypassed(job: BatchJob, plan: BatchPlan): boolean {
  return !plan.force && isTraced(readTraceStatus(job.folder), wantedOf(job, plan))
}

function wantedOf({ tracer }: BatchJob, { framework, device, mode }: BatchPlan): TraceWanted {
  return { tracer: tracer.name, framework, device, mode, version: tracer.version }
}

/** Runs one tracer on one model in a worker, and leaves a marker that says how it ended. */
export async function traceJob(
  job: BatchJob,
  plan: BatchPlan,
  stop: AbortSignal,
  changed: () => void,
): Promise<Outcome> {
  const { model, tracer, folder } = job
  // Files of an earlier attempt are not output of this one, least of all its marker.
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { framework, mode, device } = plan
  const args = [
    '--framework',
    framework,
    '--model-path',
    model.weights ?? '',
    '--model',
    model.name,
    '--tracer',
    tracer.name,
  ]
  const end = await runWorker({
    command: plan.python.command,
    args: [
      '-m',
      'layerline_kernels',
      'run',
      ...args,
      '--mode',
      mode,
      '--device',
      device,
      '--output-dir',
      folder,
      ...plan.workerArgs,
    ],
    env: workerEnv(plan, { tracer: tracer.name, gpus: job.gpus }),
    log: join(folder, WORKER_LOG),
    timeoutMs: plan.timeouts.trace * 1000,
    inactivityMs: plan.timeouts.inactivity * 1000,
    stop,
    onEvent(event) {
      if (event.event !== 'phase' || typeof event.phase !== 'string') return
      job.phase = event.phase
      changed()
    },
  })
  const status = readTraceStatus(folder)
  const limits = { timeoutS: plan.timeouts.trace, inactivityS: plan.timeouts.inactivity, device }
  const outcome = judgeWorker(end, status, limits)
  if (end.strays > 0) job.note = `${end.strays} processes that it left behind were ended`
  if (outcome.ok) {
    job.phase = 'import'
    changed()
    await importRunOf(job, plan)
    return outcome
  }
  writeTraceStatus(folder, {
    tracer: tracer.name,
    framework,
    model: status?.model ?? null,
    device,
    mode,
    timestamp: new Date().toISOString(),
    success: false,
    tracer_version: tracer.version,
    error: {
      ...status?.error,
      // What the worker called it, where that is another word: the exception's type.
      ...(status?.error == null || status.error.kind === outcome.kind ? {} : { type: status.error.kind }),
      kind: outcome.kind,
      message: outcome.message,
    },
    ...(status?.facts == null ? {} : { facts: status.facts }),
  })
  return outcome
}

/** Makes the run beside a trace's files, unless it exists. A trace is valid without one: a failure is only reported. */
export async function importRunOf(job: BatchJob, { outputDir }: BatchPlan): Promise<void> {
  const out = join(job.folder, 'run')
  if (isSealed(out)) return
  rmSync(out, { recursive: true, force: true })
  try {
    await importTracerRun(job.folder, out, outputDir)
  } catch (error) {
    job.note = `no run of it: ${errorText(error)}`
  }
}

function isSealed(run: string): boolean {
  const path = join(run, 'run.json')
  return existsSync(path) && /"state": "sealed"/.test(readFileSync(path, 'utf8'))
}

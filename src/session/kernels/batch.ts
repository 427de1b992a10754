import type { KernelsFile } from '../../config/kernels-file.ts'
import type { ModelRef } from './models/models.ts'
import type { KernelPython } from './workers/kernel-python.ts'
import type { Tracer } from './workers/tracers.ts'
import type { FailureKind } from './workers/worker-outcome.ts'

/** Everything that `kernels run` is asked for. */
export interface BatchPlan {
  readonly python: KernelPython
  readonly framework: string
  readonly mode: string
  /** `cpu` or `cuda`: what `auto` meant here. */
  readonly device: string
  readonly tracers: readonly Tracer[]
  readonly models: readonly ModelRef[]
  readonly skipModels: ReadonlySet<string>
  readonly outputDir: string
  readonly cacheDir: string
  /** For each worker that traces, behind what all of them get. */
  readonly workerArgs: readonly string[]
  readonly trustRemoteCode: boolean
  readonly allowPickle: boolean
  readonly offline: boolean
  readonly env: KernelsFile['env']
  /** Seconds. */
  readonly timeouts: { readonly download: number; readonly trace: number; readonly inactivity: number }
  readonly force: boolean
  readonly forceDownload: boolean
  readonly downloadWorkers: number
  readonly jobs: number
  /** Devices to hand out, as CUDA_VISIBLE_DEVICES names them; empty: workers see what this process sees. */
  readonly gpus: readonly string[]
  readonly gpusPerJob: number
  readonly continueOnFailure: boolean
}

export type ModelState = 'waiting' | 'fetching' | 'checking' | 'ready' | 'refused' | 'skipped'

/** One model of a batch, in its current state. */
export interface BatchModel extends ModelRef {
  /** Below the folder of all traces. */
  readonly folder: string
  state: ModelState
  /** Where its weights are, once that is known. */
  weights: string | null
  bytes: { done: number; total: number | null } | null
  reason: string | null
  message: string | null
}

export type JobState = 'waiting' | 'running' | 'done' | 'bypassed' | 'skipped' | 'failed'

/** One tracer on one model. */
export interface BatchJob {
  readonly model: BatchModel
  readonly tracer: Tracer
  /** Where its files go. */
  readonly folder: string
  state: JobState
  phase: string | null
  startedMs: number | null
  seconds: number | null
  kind: FailureKind | 'no_model' | 'skip_list' | 'stopped' | null
  message: string | null
  gpus: readonly string[]
  /** What happened to its profile as a run of Layerline, if that is worth a note. */
  note: string | null
  /** Another orchestrator has it now. */
  held: boolean
}

export interface BatchState {
  readonly plan: BatchPlan
  readonly models: readonly BatchModel[]
  readonly jobs: readonly BatchJob[]
  readonly started: Date
  /** The same on the clock of `performance`. */
  readonly startedMs: number
  stopping: boolean
}

/** Called as it progresses. */
export interface BatchView {
  /** Something has changed. */
  changed(state: BatchState): void
  model(model: BatchModel, state: BatchState): void
  job(job: BatchJob, state: BatchState): void
}

export function countJobs(state: BatchState): Record<JobState, number> {
  const counts = { waiting: 0, running: 0, done: 0, bypassed: 0, skipped: 0, failed: 0 }
  for (const { state: each } of state.jobs) counts[each]++
  return counts
}

/** How long the rest should take, by the time that each tracer's jobs took; null before any is done. */
export function etaSeconds(state: BatchState, nowMs: number): number | null {
  const took = state.jobs.filter((job) => job.seconds !== null && (job.state === 'done' || job.state === 'failed'))
  if (took.length === 0) return null
  const mean = (jobs: readonly BatchJob[]) => jobs.reduce((sum, job) => sum + (job.seconds ?? 0), 0) / jobs.length
  const expected = (job: BatchJob) => {
    const same = took.filter((each) => each.tracer.name === job.tracer.name)
    return mean(same.length > 0 ? same : took)
  }
  let seconds = 0
  for (const job of state.jobs) {
    if (job.state === 'waiting') seconds += expected(job)
    if (job.state === 'running') seconds += Math.max(0, expected(job) - (nowMs - (job.startedMs ?? nowMs)) / 1000)
  }
  return seconds / state.plan.jobs
}

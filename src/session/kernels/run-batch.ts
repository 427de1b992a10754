import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorText } from '../../base/errors.ts'
import { type FileLock, tryFileLock } from '../../base/file-lock.ts'
import type { BatchJob, BatchModel, BatchPlan, BatchState, BatchView } from './batch.ts'
import { BatchRecord } from './batch-record.ts'
import { ModelBook } from './models/model-book.ts'
import { supplyModel } from './models/model-supply.ts'
import { isSkipped } from './models/models.ts'
import { importRunOf, isBypassed, traceJob } from './trace-job.ts'

/** How often a job that another orchestrator has is looked at again. */
const HELD_MS = 500

/**
 * Traces every model with every tracer, as far as possible: models are fetched in parallel, each job has its own
 * worker, and finished traces are kept. Never throws for a model or a job. When `stop` is aborted, workers are ended
 * and jobs that are not finished stay `waiting`.
 */
export async function runBatch(plan: BatchPlan, view: BatchView, stop: AbortSignal): Promise<BatchState> {
  const book = new ModelBook(plan.outputDir)
  const state = await firstState(plan, book)
  const record = new BatchRecord(state)
  await new Batch(state, book, record, view, stop).run()
  record.write()
  return state
}

async function firstState(plan: BatchPlan, book: ModelBook): Promise<BatchState> {
  const wanted = plan.models.filter((model) => !isSkipped(model, plan.skipModels))
  const folders = await book.folders(wanted)
  const models = plan.models.map((model): BatchModel => {
    const skipped = !wanted.includes(model)
    return {
      ...model,
      folder: folders.get(model.name) ?? '',
      state: skipped ? 'skipped' : 'waiting',
      weights: null,
      bytes: null,
      reason: skipped ? 'skip_list' : null,
      message: skipped ? 'in the list of models to skip' : null,
    }
  })
  const jobs = models.flatMap((model) =>
    plan.tracers.map(
      (tracer): BatchJob => ({
        model,
        tracer,
        folder: join(plan.outputDir, model.folder, plan.mode, tracer.name),
        state: model.state === 'skipped' ? 'skipped' : 'waiting',
        phase: null,
        startedMs: null,
        seconds: null,
        kind: model.state === 'skipped' ? 'skip_list' : null,
        message: model.message,
        gpus: [],
        note: null,
        held: false,
      }),
    ),
  )
  return { plan, models, jobs, started: new Date(), startedMs: performance.now(), stopping: false }
}

class Batch {
  private readonly state: BatchState
  private readonly book: ModelBook
  private readonly record: BatchRecord
  private readonly view: BatchView
  private readonly stop: AbortSignal
  private readonly freeGpus: string[]
  private readonly working = new Set<Promise<void>>()
  private wake: () => void = () => {}

  constructor(state: BatchState, book: ModelBook, record: BatchRecord, view: BatchView, stop: AbortSignal) {
    this.state = state
    this.book = book
    this.record = record
    this.view = view
    this.stop = stop
    this.freeGpus = [...state.plan.gpus]
  }

  async run(): Promise<void> {
    const onStop = () => {
      this.state.stopping = true
      this.changed()
    }
    if (this.stop.aborted) onStop()
    this.stop.addEventListener('abort', onStop)
    await this.bypassWhatIsThere()
    this.changed()
    for (;;) {
      if (!this.stop.aborted) this.startWhatCan()
      if (this.working.size === 0 && (this.stop.aborted || !this.state.jobs.some(isOpen))) break
      await new Promise<void>((resolve) => {
        this.wake = resolve
        // The release of another process's lock sends no signal.
        if (this.state.jobs.some(({ held }) => held)) setTimeout(resolve, HELD_MS)
      })
    }
    this.stop.removeEventListener('abort', onStop)
  }

  /** Checked before anything is fetched: a model with all traces needs no weights. */
  private async bypassWhatIsThere(): Promise<void> {
    const { plan, jobs } = this.state
    for (const job of jobs) {
      if (job.state !== 'waiting' || !isBypassed(job, plan)) continue
      // Another orchestrator may be making its run just now.
      const lock = tryFileLock(lockOf(job))
      if (lock === null) continue
      await this.bypass(job).finally(() => lock.release())
    }
  }

  private async bypass(job: BatchJob): Promise<void> {
    await importRunOf(job, this.state.plan)
    this.ended(job, 'bypassed', null, null)
  }

  private startWhatCan(): void {
    const { plan, jobs, models } = this.state
    const supplied = () => models.filter(({ state }) => state === 'fetching' || state === 'checking').length
    for (const model of models) {
      const open = jobs.some((job) => job.model === model && isOpen(job))
      if (model.state === 'waiting' && open && supplied() < plan.downloadWorkers) this.work(this.supply(model))
    }
    for (const job of jobs) if (this.canStart(job)) this.start(job)
  }

  private canStart(job: BatchJob): boolean {
    const { plan, jobs } = this.state
    if (job.state !== 'waiting' || job.model.state !== 'ready') return false
    const running = jobs.filter(({ state }) => state === 'running')
    if (running.length >= plan.jobs) return false
    if (plan.gpus.length > 0 && this.freeGpus.length < plan.gpusPerJob) return false
    const group = job.tracer.exclusive_group
    return group === null || !running.some(({ tracer }) => tracer.exclusive_group === group)
  }

  private start(job: BatchJob): void {
    const lock = tryFileLock(lockOf(job))
    job.held = lock === null
    if (lock === null) {
      this.changed()
      return
    }
    job.state = 'running'
    job.startedMs = performance.now()
    job.gpus = this.state.plan.gpus.length === 0 ? [] : this.freeGpus.splice(0, this.state.plan.gpusPerJob)
    this.work(this.trace(job, lock))
  }

  private async supply(model: BatchModel): Promise<void> {
    model.state = 'fetching'
    try {
      if (model.wrong === undefined)
        await supplyModel(model, this.state.plan, this.book, { stop: this.stop, changed: () => this.changed() })
      else Object.assign(model, { state: 'refused', reason: 'no_such_model', message: model.wrong })
    } catch (error) {
      model.state = 'refused'
      model.reason = 'internal'
      model.message = errorText(error)
    }
    if (this.stop.aborted && !isReady(model)) {
      model.state = 'waiting'
      return
    }
    this.view.model(model, this.state)
    if (isReady(model)) return
    for (const job of this.state.jobs) {
      if (job.model === model && isOpen(job)) this.ended(job, 'skipped', 'no_model', model.message)
    }
  }

  private async trace(job: BatchJob, lock: FileLock): Promise<void> {
    const { plan } = this.state
    try {
      // Another orchestrator may have done it while this one waited.
      if (isBypassed(job, plan)) return await this.bypass(job)
      if (!job.tracer.available) {
        return this.ended(job, 'failed', 'missing_dependency', job.tracer.why_not ?? 'not available here')
      }
      this.changed()
      const outcome = await traceJob(job, plan, this.stop, () => this.changed())
      if (outcome.ok) this.ended(job, 'done', null, null)
      else this.ended(job, 'failed', outcome.kind, outcome.message)
    } catch (error) {
      this.ended(job, 'failed', 'exception', errorText(error))
    } finally {
      this.freeGpus.push(...job.gpus)
      lock.release()
    }
    if (job.state === 'failed' && job.kind !== 'interrupted' && !plan.continueOnFailure) this.giveUp()
  }

  private giveUp(): void {
    for (const job of this.state.jobs) {
      if (job.state === 'waiting')
        this.ended(job, 'skipped', 'stopped', 'another one failed, and continue_on_failure is off')
    }
  }

  private ended(job: BatchJob, state: BatchJob['state'], kind: BatchJob['kind'], message: string | null): void {
    // Jobs that were cut off are still to be done.
    job.state = kind === 'interrupted' ? 'waiting' : state
    job.seconds = job.startedMs === null ? null : (performance.now() - job.startedMs) / 1000
    job.kind = kind
    job.message = message
    job.phase = null
    job.held = false
    this.record.write()
    if (kind !== 'interrupted') this.view.job(job, this.state)
    this.changed()
  }

  private work(promise: Promise<void>): void {
    const done = promise.finally(() => {
      this.working.delete(done)
      this.wake()
    })
    this.working.add(done)
  }

  private changed(): void {
    this.view.changed(this.state)
  }
}

function lockOf({ folder }: BatchJob): string {
  mkdirSync(dirname(folder), { recursive: true })
  return `${folder}.lock`
}

function isReady({ state }: BatchModel): boolean {
  return state === 'ready'
}

function isOpen({ state }: BatchJob): boolean {
  return state === 'waiting' || state === 'running'
}

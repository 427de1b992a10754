import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { compactStamp } from '../../base/time.ts'
import { VERSION } from '../../base/version.ts'
import { writeFileAtomic } from '../../store/run-folder.ts'
import { type BatchState, countJobs } from './batch.ts'

/** What is kept and printed of a batch. */
export interface BatchSummary {
  readonly layerline: string
  readonly started: string
  readonly framework: string
  readonly mode: string
  readonly device: string
  readonly output_dir: string
  readonly counts: ReturnType<typeof countJobs>
  readonly models: readonly {
    model: string
    folder: string
    state: string
    reason: string | null
    message: string | null
  }[]
  readonly jobs: readonly {
    model: string
    tracer: string
    folder: string
    state: string
    kind: string | null
    message: string | null
    note: string | null
    seconds: number | null
    gpus: readonly string[]
  }[]
}

/** The record of one batch, a file of its own in `_batches`: whole at any moment, also after a crash. */
export class BatchRecord {
  private readonly state: BatchState
  private readonly path: string

  constructor(state: BatchState) {
    this.state = state
    const folder = join(state.plan.outputDir, '_batches')
    mkdirSync(folder, { recursive: true })
    this.path = join(folder, `${compactStamp(state.started)}-${process.pid}.json`)
  }

  /** If the record cannot be written, no trace is lost: the markers say what is done. */
  write(): void {
    try {
      writeFileAtomic(this.path, `${JSON.stringify(batchSummary(this.state), null, 2)}\n`)
    } catch {
      // A disk that is full fails the next trace, with its reason.
    }
  }
}

export function batchSummary(state: BatchState): BatchSummary {
  const { framework, mode, device, outputDir } = state.plan
  return {
    layerline: VERSION,
    started: state.started.toISOString(),
    framework,
    mode,
    device,
    output_dir: outputDir,
    counts: countJobs(state),
    models: state.models.map(({ name, folder, state: each, reason, message }) => ({
      model: name,
      folder,
      state: each,
      reason,
      message,
    })),
    jobs: state.jobs.map(({ model, tracer, folder, state: each, kind, message, note, seconds, gpus }) => ({
      model: model.name,
      tracer: tracer.name,
      folder,
      state: each,
      kind,
      message,
      note,
      seconds,
      gpus,
    })),
  }
}

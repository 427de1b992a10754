import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MACHINE_BUSY, studyFigures } from '../analysis/hardware/sampling-figures.ts'
import { type SamplingRun, type SamplingStudy, studySampling } from '../analysis/hardware/sampling-study.ts'
import { randomStream } from '../base/random-stream.ts'
import { type CpuTicks, parseCpuTicks } from '../sources/host/proc/proc-text.ts'
import { writeFileAtomic } from '../store/run-folder.ts'
import type { RequestRun, RequestRunView } from './request-run.ts'
import type { StopSignal } from './stop-signal.ts'

export const STUDY_FILE = 'study.json'

/**
 * One planned run: the same work at one period. Block null: the first, which warms up caches and compilers and does not
 * count.
 */
export interface StudyArm {
  block: number | null
  period_ms: number
  /** Its folder's name within the study's. */
  name: string
}

/** The content of `study.json`: rewritten after each run, so that finished runs survive a failure. */
export interface StudyRecord {
  study: 'sampling'
  seed: number
  blocks: number
  periods_ms: number[]
  /** In the order they were done, each in its folder beside this file. */
  runs: (SamplingRun & { run: string; requests: number; ok: number; verdict: string[] })[]
  result: SamplingStudy
}

export interface SamplingStudyOptions {
  folder: string
  periodsMs: readonly number[]
  blocks: number
  seed: number
  stop: StopSignal
  /** Records the whole work with this period into this folder; the hooks belong into the run's view. */
  record(arm: StudyArm, out: string, hooks: Pick<RequestRunView, 'hooks' | 'ended'>): Promise<RequestRun>
  /** Called before each run. */
  begins?(arm: StudyArm, index: number, total: number): void
  done?(arm: StudyArm, run: RequestRun): void
}

/** A block tries each period once, in an order of its own drawn from the seed. */
export function studyArms(periodsMs: readonly number[], blocks: number, seed: number): StudyArm[] {
  const coarsest = Math.max(...periodsMs)
  return [
    { block: null, period_ms: coarsest, name: 'warm-up' },
    ...Array.from({ length: blocks }, (_, block) =>
      randomStream('sampling study', seed, block)
        .shuffled(periodsMs)
        .map((period_ms) => ({ block, period_ms, name: `${block + 1}-${period_ms}ms` })),
    ).flat(),
  ]
}

/**
 * Does the same work at each period, one run per arm: a sampler restarts for another period anyway, and each run can be
 * read, judged and exported by itself. A run that a signal cut short is kept in its folder and does not count; the
 * study of the runs before it is returned.
 */
export async function runSamplingStudy(options: SamplingStudyOptions): Promise<StudyRecord> {
  const { folder, periodsMs, blocks, seed, stop } = options
  const arms = studyArms(periodsMs, blocks, seed)
  const runs: StudyRecord['runs'] = []
  const record = (): StudyRecord => ({
    study: 'sampling',
    seed,
    blocks,
    periods_ms: periodsMs.toSorted((a, b) => b - a),
    runs,
    result: studySampling(runs),
  })
  for (const [index, arm] of arms.entries()) {
    if (stop.stage !== 'running') break
    options.begins?.(arm, index, arms.length)
    const busy = new BusyTruth()
    const run = await options.record(arm, join(folder, arm.name), {
      hooks(draft) {
        if (draft.phase === 'measured') busy.begin()
        return {}
      },
      ended: () => busy.mark(),
    })
    if (run.interrupted) break
    options.done?.(arm, run)
    const { block, period_ms } = arm
    if (block !== null) {
      const { offered, verdict } = run.report
      runs.push({
        run: arm.name,
        period_ms,
        block,
        ...studyFigures(run.report),
        truths: busy.truths(),
        requests: offered.requests,
        ok: offered.ok,
        verdict: verdict.filter(({ level }) => level === 'warn' || level === 'bad').map(({ text }) => text),
      })
    }
    writeFileAtomic(join(folder, STUDY_FILE), `${JSON.stringify(record(), null, 2)}\n`)
  }
  return record()
}

/**
 * The machine's busy CPU from the first request's start to the last one's end, by the kernel's own totals at these two
 * moments.
 */
class BusyTruth {
  private first: CpuTicks | null = null
  private last: CpuTicks | null = null

  begin(): void {
    this.first ??= ticksNow()
  }

  mark(): void {
    if (this.first !== null) this.last = ticksNow()
  }

  truths(): Record<string, number> {
    const { first, last } = this
    if (first === null || last === null || last.total <= first.total) return {}
    return { [MACHINE_BUSY]: (last.busy - first.busy) / (last.total - first.total) }
  }
}

function ticksNow(): CpuTicks | null {
  try {
    return parseCpuTicks(readFileSync('/proc/stat', 'utf8'))?.all ?? null
  } catch {
    return null
  }
}

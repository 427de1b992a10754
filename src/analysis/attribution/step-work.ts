import type { KernelSource } from '../../derived/hta/hta-events.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { DEVICE_WORK_SQL } from '../../trace/device-work.ts'
import { workSql } from '../kernels/steps.ts'
import { countOf, numberOf, oneRow } from '../rows.ts'

/**
 * One row per profiled step, `step_id`, with the profile's own step for it: of the first rank, if there are several.
 */
export const PROFILED_STEPS = `(SELECT src_id AS step_id, min(dst_id) AS profile_id FROM links WHERE kind = 'profile of step' GROUP BY 1)`

/** What the run's profile holds of the work: kernels, operators that stand in for them, or nothing. */
export async function workSource(reader: RunReader): Promise<KernelSource | null> {
  const row = await oneRow(
    reader,
    `SELECT count(*) FILTER (stream IS NOT NULL AND category IN ${DEVICE_WORK_SQL}) AS kernels, count(*) FILTER (category = 'cpu_op') AS ops
      FROM slices WHERE stream IS NOT NULL OR category = 'cpu_op'`,
  )
  if (countOf(row, 'kernels') > 0) return 'kernels'
  return countOf(row, 'ops') > 0 ? 'cpu_op' : null
}

/** Where a step's time went; the parts add up to it. */
export interface StepParts {
  /** From the scheduler's call until something ran. */
  before_ms: number
  /** Something ran. */
  busy_ms: number
  /** Nothing ran, between what did. */
  gap_ms: number
  /** Of the gaps: those that end with a kernel which was launched only after all before it had ended. Null without launches. */
  launch_gap_ms: number | null
  /** From the last of it until the step's tokens were known. */
  after_ms: number
}

export interface Work {
  name: string
  count: number
  ms: number
}

interface WorkRow {
  readonly name: string
  readonly fromNs: number
  readonly toNs: number
  /** Its own time: less operators inside it. */
  readonly selfNs: number
  /** When it was launched; null where that is not known. */
  readonly callNs: number | null
}

/** What ran in a step of the profile, clipped to the step of the log, in order; what took most first in `work`. */
export async function stepWork(
  reader: RunReader,
  source: KernelSource,
  step: { profileId: number; fromNs: number; toNs: number },
): Promise<{ parts: StepParts; work: Work[] }> {
  const rows = await reader.query(
    `WITH ${workSql(source, `step_id = ${step.profileId}`)}
    SELECT n.text AS name, t_ns, dur_ns, self_ns, call_ns FROM work w JOIN strings n ON n.id = w.name_id ORDER BY t_ns, slice_id`,
  )
  const ran = rows.map((row): WorkRow => {
    const fromNs = countOf(row, 't_ns')
    const call = numberOf(row, 'call_ns')
    const inStep = (ns: number) => Math.min(Math.max(ns, step.fromNs), step.toNs)
    const [start, end] = [inStep(fromNs), inStep(fromNs + countOf(row, 'dur_ns'))]
    const selfNs = Math.min(countOf(row, 'self_ns'), end - start)
    return { name: String(row.name), fromNs: start, toNs: end, selfNs, callNs: call }
  })
  return { parts: partsOf(ran, step), work: byName(ran) }
}

/** Exported for its test. */
export function partsOf(ran: readonly WorkRow[], { fromNs, toNs }: { fromNs: number; toNs: number }): StepParts {
  const ms = (ns: number) => ns / 1e6
  const [first] = ran
  if (first === undefined)
    return { before_ms: ms(toNs - fromNs), busy_ms: 0, gap_ms: 0, launch_gap_ms: null, after_ms: 0 }
  let end = first.fromNs
  let gap = 0
  let launchGap = 0
  for (const { fromNs: start, toNs: stop, callNs } of ran) {
    if (start > end) {
      gap += start - end
      if (callNs !== null && callNs > end) launchGap += start - end
    }
    end = Math.max(end, stop)
  }
  return {
    before_ms: ms(first.fromNs - fromNs),
    busy_ms: ms(end - first.fromNs - gap),
    gap_ms: ms(gap),
    launch_gap_ms: ran.some(({ callNs }) => callNs !== null) ? ms(launchGap) : null,
    after_ms: ms(toNs - end),
  }
}

function byName(ran: readonly WorkRow[]): Work[] {
  const found = new Map<string, Work>()
  for (const { name, selfNs } of ran) {
    const work = found.get(name) ?? { name, count: 0, ms: 0 }
    found.set(name, { name, count: work.count + 1, ms: work.ms + selfNs / 1e6 })
  }
  return [...found.values()].sort((a, b) => b.ms - a.ms || a.name.localeCompare(b.name))
}

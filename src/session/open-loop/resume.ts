import { LayerlineError } from '../../base/errors.ts'
import { openRun } from '../../store/read/open-run.ts'
import { withoutSecretsIn } from '../../store/run-secrets.ts'
import type { ArrivalSchedule } from '../../workload/arrivals/arrival.ts'

/** Where another run of the same schedule resumes. */
export interface ResumePoint {
  readonly runId: string
  readonly seed: number
  /** The first arrival that was never offered; those of `skip` after it were. */
  readonly from: number
  readonly skip: ReadonlySet<number>
  /** What the run recorded as offered. */
  readonly schedule: Readonly<Record<string, unknown>> | null
}

/** Reads what a run has offered of its schedule. Throws `input/resume` if there is nothing to resume. */
export async function resumePoint(folder: string): Promise<ResumePoint> {
  const reader = await openRun(folder)
  try {
    const { run } = reader
    const refuse = (why: string, hint: string) => new LayerlineError('input/resume', `${folder}: ${why}`, { hint })
    if (run.plan?.schedule == null || run.loop !== 'open') {
      throw refuse('no schedule to resume', 'expected a run of `replay`, or of `load` with --rate')
    }
    if (run.state === 'recording') throw refuse('still recording', 'Ctrl-C there ends it')
    const first = run.plan.first_request
    // Requests that were due and held back were never offered to the server; those of the previous runs were.
    const before = JSON.stringify(run.plan.offered_before)
    const offered = `(SELECT request_id FROM requests WHERE status <> 'not_sent' UNION ALL SELECT unnest(${before}::BIGINT[]))`
    const [gap] = await reader.query(
      `SELECT coalesce(min(i), ${first}) AS next FROM (SELECT unnest(range(${first}, (SELECT coalesce(max(request_id) + 2, ${first + 1}) FROM ${offered})::BIGINT)) AS i)
      WHERE i NOT IN ${offered}`,
    )
    const from = Number(gap?.next ?? first)
    const behind = await reader.query(`SELECT request_id FROM ${offered} WHERE request_id > ${from}`)
    return {
      runId: run.run_id,
      seed: run.seed,
      from,
      skip: new Set(behind.map(({ request_id }) => Number(request_id))),
      schedule: run.plan.schedule,
    }
  } finally {
    await reader.close()
  }
}

/** Refuses to resume with another schedule than the one that was started: ids would name other requests. */
export function checkResumed(point: ResumePoint, { provenance, total }: ArrivalSchedule): void {
  const now = JSON.parse(JSON.stringify(withoutSecretsIn(provenance))) as Record<string, unknown>
  const names = new Set([...Object.keys(now), ...Object.keys(point.schedule ?? {})])
  for (const name of names) {
    const [was, is] = [point.schedule?.[name], now[name]].map((value) => JSON.stringify(value))
    if (was === is) continue
    throw new LayerlineError('input/resume', `--resume ${point.runId}: its ${name} was ${was}, now it is ${is}`, {
      hint: 'give the options of that run again: trace, selection, arrival and lengths must be the same',
    })
  }
  if (total !== null && point.from >= total) {
    throw new LayerlineError('input/resume', `--resume ${point.runId}: all ${total} requests were offered`, {
      hint: 'there is nothing to resume',
    })
  }
}

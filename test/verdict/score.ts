import { backlogFigures } from '../../src/analysis/backlog/backlog.ts'
import { rowDistributions } from '../../src/analysis/intervals/row-distributions.ts'
import { machineFigures } from '../../src/analysis/machine.ts'
import { TIMED, TTFT_NS } from '../../src/analysis/populations.ts'
import { measuredSpan, offeredFigures } from '../../src/analysis/requests/offered.ts'
import { judge } from '../../src/analysis/verdict/judge.ts'
import { fine } from '../support/fine-run.ts'
import { memoryRun } from '../support/memory-run.ts'
import type { Group } from './cases.ts'
import { type SimulatedCase, simulatedRun } from './simulated-run.ts'

const LAG_NS = 'sent_ns - scheduled_ns - coalesce(held_ns, 0)'

/** The verdict on one run whose truth is known. */
export interface Scored {
  group: Group
  case: SimulatedCase
  capacity_per_s: number
  /** `behind`: a line against the server; `fine`: one for it; `open`: undecided. */
  answer: 'behind' | 'fine' | 'open'
  /** What the report says the server sustained; null where it says nothing. */
  sustained_per_s: { value: number; low: number; high: number } | null
  since_s: number | null
}

/** The rows through the analysis that the lines about server and client rest on, as `report` does it. */
export async function scored([group, given]: readonly [Group, SimulatedCase]): Promise<Scored> {
  const { loop, tables, capacity_per_s } = simulatedRun(given)
  const reader = await memoryRun(tables, { command: 'load', loop })
  try {
    const span = await measuredSpan(reader)
    const offered = await offeredFigures(reader, span)
    const backlog = await backlogFigures(reader, offered.concurrency)
    const { ttft, lag } = await rowDistributions(reader, TIMED, { ttft: TTFT_NS, lag: LAG_NS })
    const figures = {
      ...fine,
      run: { ...fine.run, command: 'load', loop },
      ...{ offered, backlog, machine: await machineFigures(reader, span) },
      latency: { ...fine.latency, ttft_ms: ttft, start_lag_ms: lag },
    }
    const line = judge(figures).verdict.find(({ what }) => what === 'server')
    const answer = line?.level === 'bad' || line?.level === 'warn' ? 'behind' : line?.level === 'ok' ? 'fine' : 'open'
    return {
      group,
      case: given,
      capacity_per_s,
      answer,
      sustained_per_s: answer === 'behind' ? (backlog?.sustained_per_s ?? null) : null,
      since_s: backlog?.since_s ?? null,
    }
  } finally {
    await reader.close()
  }
}

/** How far a sustained rate is off, as a share of the capacity. */
export function errorOf({ sustained_per_s: rate, capacity_per_s: capacity }: Scored): number | null {
  return rate === null ? null : rate.value / capacity - 1
}

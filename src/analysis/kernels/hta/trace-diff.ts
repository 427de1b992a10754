import { LayerlineError } from '../../../base/errors.ts'
import { htaEvents } from '../../../derived/hta/hta-events.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import { countOf } from '../../rows.ts'
import { kernelTracks, tracksValues } from '../kernel-tracks.ts'
import type { DiffDevice } from './diff-devices.ts'

/** Names of operators, calls and kernels, by how their number changed. */
export interface OpsDiff {
  added: string[]
  deleted: string[]
  increased: string[]
  decreased: string[]
  unchanged: string[]
}

/** What is compared: `iteration` is the number of a ProfilerStep, the first where it is undefined. */
export interface DiffScope {
  readonly iteration?: number | undefined
  /** `gpu`: what ran on a stream; `cpu`: everything else. */
  readonly device: DiffDevice
}

export interface OpsComparison {
  /** The ProfilerSteps that were compared; null where a run has none, and the whole was. */
  iterations: { a: number | null; b: number | null }
  device: DiffDevice
  ops: OpsDiff
}

interface OpCounts {
  readonly iteration: number | null
  readonly counts: Map<string, number>
}

/**
 * Compares how often each name occurs in the first rank of two runs: in one ProfilerStep of each, or in the whole where
 * there is none. A kernel belongs to the step that launched it. Throws `usage/iteration` where a run has no such step.
 */
export async function opsDiff(
  control: RunReader,
  test: RunReader,
  device: DiffDevice,
  iterations: { a?: number | undefined; b?: number | undefined },
): Promise<OpsComparison> {
  const a = await opCounts(control, { device, iteration: iterations.a })
  const b = await opCounts(test, { device, iteration: iterations.b })
  return { iterations: { a: a.iteration, b: b.iteration }, device, ops: differences(a.counts, b.counts) }
}

function differences(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): OpsDiff {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  const where = (holds: (was: number, is: number) => boolean) =>
    names.filter((name) => holds(before.get(name) ?? 0, after.get(name) ?? 0))
  return {
    added: where((was) => was === 0),
    deleted: where((_, is) => is === 0),
    increased: where((was, is) => was > 0 && is > was),
    decreased: where((was, is) => is > 0 && is < was),
    unchanged: where((was, is) => is > 0 && is === was),
  }
}

async function opCounts(reader: RunReader, { iteration, device }: DiffScope): Promise<OpCounts> {
  const tracks = await kernelTracks(reader)
  const first = tracks[0]?.rank
  const mine = tracks.filter(({ rank }) => rank === first)
  if (first === undefined) return { iteration: stepIn([], iteration), counts: new Map() }
  const events = htaEvents(tracksValues(mine), 'kernels', false)
  const steps = (
    await reader.query(`${events} SELECT regexp_extract(name, '# *([0-9]+)', 1)::BIGINT AS iteration, ts, te FROM events
      WHERE category = 'user_annotation' AND regexp_matches(name, '^ProfilerStep *# *[0-9]+') ORDER BY iteration, ts`)
  ).map((row) => ({ iteration: countOf(row, 'iteration'), ts: countOf(row, 'ts'), te: countOf(row, 'te') }))
  const chosen = stepIn(
    steps.map((step) => step.iteration),
    iteration,
  )
  const step = steps.find((each) => each.iteration === chosen)
  const inside = step === undefined ? 'true' : `ts >= ${step.ts} AND ts < ${step.te}`
  const launched =
    step === undefined ? '' : 'AND EXISTS (FROM host h WHERE h.correlation = k.correlation AND k.correlation > 0)'
  const sides = [
    ...(device === 'gpu' ? [] : ['SELECT name FROM host']),
    ...(device === 'cpu' ? [] : [`SELECT name FROM kept k WHERE stream IS NOT NULL ${launched}`]),
  ]
  const rows = await reader.query(`${events}, host AS (SELECT * FROM kept WHERE stream IS NULL AND ${inside})
    SELECT name, count(*) AS n FROM (${sides.join(' UNION ALL ')}) GROUP BY name`)
  return { iteration: chosen, counts: new Map(rows.map((row) => [String(row.name), countOf(row, 'n')])) }
}

/** The step that is compared, of those there are, in order. */
function stepIn(steps: readonly number[], asked: number | undefined): number | null {
  if (asked === undefined) return steps[0] ?? null
  if (steps.includes(asked)) return asked
  throw new LayerlineError(
    'usage/iteration',
    `--iteration ${asked}: the profile's first rank has no such ProfilerStep`,
    {
      hint: steps.length === 0 ? 'it has none at all' : `it has ${steps[0]} to ${steps.at(-1)}`,
    },
  )
}

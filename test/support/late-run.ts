import type { LateCause } from '../../src/analysis/late-tokens/causes.ts'
import { randomStream } from '../../src/base/random-stream.ts'
import type { Tables } from './memory-run.ts'

const MS = 1e6
const ITL_NS = 20 * MS
const SPAN_NS = 25e9
const SAMPLE_NS = 100 * MS
const STREAMS = 3

/** Time in which no token was made, or none was brought. */
export interface Stall {
  readonly fromNs: number
  readonly toNs: number
}

/** A run of three long answers whose stalls are known, and what a sampler would have seen of them. */
export interface LateRun {
  readonly tables: Tables
  readonly stalls: readonly Stall[]
}

type Track = { name: string; layer?: string; role?: string; kind?: string; unit?: string; thread?: string }

/**
 * Tokens every 20 ms with some jitter, engine threads that wait for a CPU for about a tenth of the time as on any machine, and
 * stalls of 80 to 300 ms that `cause` explains; `null`: that nothing explains.
 */
export function lateRun(cause: LateCause | null, seed: number): LateRun {
  const random = randomStream('late run', cause ?? 'none', seed)
  const stalls: Stall[] = []
  for (let t = 1e9; t < SPAN_NS - 1e9; t += 0.6e9 + random.uniform() * 1e9) {
    stalls.push({ fromNs: t, toNs: t + (80 + random.uniform() * 220) * MS })
  }
  const chunks = Array.from({ length: STREAMS }, (_, id) => tokens(id, cause, stalls, seed)).flat()
  const ends = Array.from(
    { length: STREAMS },
    (_, id) => chunks.filter((chunk) => chunk.request_id === id).at(-1)?.t_ns ?? 0,
  )
  const requests = ends.map((end, request_id) => ({
    ...{
      request_id,
      status: 'ok',
      scheduled_ns: 0,
      sent_ns: 0,
      first_token_ns: 30 * MS,
      last_token_ns: end,
      end_ns: end,
    },
    ...{ input_tokens: 20, output_tokens: 100 },
  }))
  if (cause === 'prefill') {
    for (const [i, { fromNs, toNs }] of stalls.entries()) {
      requests.push({
        ...{ request_id: 100 + i, status: 'ok', scheduled_ns: fromNs, sent_ns: fromNs, first_token_ns: toNs },
        ...{ last_token_ns: toNs, end_ns: toNs, input_tokens: 2000, output_tokens: 1 },
      })
    }
  }
  return { tables: { requests, chunks, ...sampled(cause, stalls, seed) }, stalls }
}

function tokens(request_id: number, cause: LateCause | null, stalls: readonly Stall[], seed: number) {
  const random = randomStream('tokens', request_id, seed)
  const rows: { request_id: number; index: number; t_ns: number; late_ns: number; bytes: number; kind: string }[] = []
  let made = 30 * MS
  for (let index = 0; made < SPAN_NS; index++) {
    const stall = stalls.find(({ fromNs, toNs }) => made > fromNs && made <= toNs)
    const brought = stall === undefined ? made : stall.toNs
    // The most that it can be: the client last looked when it began to stall.
    const late_ns = cause === 'client' && stall !== undefined ? stall.toNs - stall.fromNs : random.uniform() * 0.2 * MS
    rows.push({ request_id, index, t_ns: brought + random.uniform() * 0.01 * MS, late_ns, bytes: 40, kind: 'content' })
    // A token that is only brought or looked at late does not hold up the one after it.
    const goesOn = cause === 'delivery' || cause === 'client' ? made : brought
    made = goesOn + ITL_NS * (0.85 + 0.3 * random.uniform())
  }
  return rows.sort((a, b) => a.t_ns - b.t_ns).map((row, index) => ({ ...row, index }))
}

/** What a sampler says every 100 ms, with noise in all of it. */
function sampled(cause: LateCause | null, stalls: readonly Stall[], seed: number): Pick<Tables, 'tracks' | 'counters'> {
  const tracks: Tables['tracks'] = []
  const counters: Tables['counters'] = []
  const stalledNs = (from: number, to: number) =>
    stalls.reduce((sum, { fromNs, toNs }) => sum + Math.max(0, Math.min(to, toNs) - Math.max(from, fromNs)), 0)
  const endedNs = (from: number, to: number) =>
    stalls.reduce((sum, { fromNs, toNs }) => sum + (toNs > from && toNs <= to ? toNs - fromNs : 0), 0)
  const add = (
    { name, layer = 'host', role = 'engine', kind = 'delta', thread }: Track,
    value: (from: number, to: number) => number,
  ) => {
    const track_id = tracks.length + 1
    tracks.push({
      track_id,
      name,
      layer,
      thread: thread ?? null,
      attrs: JSON.stringify({ role, kind }),
      process: '7 engine',
    })
    for (let t = SAMPLE_NS; t < SPAN_NS; t += SAMPLE_NS)
      counters.push({ track_id, t_ns: t, value: value(t - SAMPLE_NS, t) })
  }
  const random = randomStream('samples', seed)
  const only = (which: LateCause, value: (from: number, to: number) => number) => (from: number, to: number) =>
    cause === which ? value(from, to) : 0
  add(
    { name: 'stopped_processes', kind: 'gauge' },
    only('stopped', (_, to) => (stalledNs(to - 1, to) > 0 ? 1 : 0)),
  )
  add({ name: 'cgroup_throttled_ns' }, only('throttled', endedNs))
  add({ name: 'cpu_steal_ratio', kind: 'mean', role: 'machine' }, (from, to) =>
    cause === 'stolen' ? (0.9 * stalledNs(from, to)) / (to - from) : 0.01 * random.uniform(),
  )
  add(
    { name: 'major_faults' },
    only('storage', (from, to) => Math.ceil(stalledNs(from, to) / MS)),
  )
  add({ name: 'disk_busy_ratio', kind: 'mean', role: 'machine' }, (from, to) =>
    cause === 'storage' ? stalledNs(from, to) / (to - from) : 0.3 * random.uniform(),
  )
  add(
    { name: 'run_queue_wait_any_ns' },
    (from, to) => (cause === 'cpu_wait' ? stalledNs(from, to) : 0) + 0.2 * random.uniform() * (to - from),
  )
  add({ name: 'cpu_cores', kind: 'mean' }, (from, to) => (1.5 * (to - from - stalledNs(from, to))) / (to - from))
  let preemptions = 0
  add({ name: 'num_preemptions_total', layer: 'engine', kind: 'total' }, (from, to) => {
    if (cause === 'preempted' && endedNs(from, to) > 0) preemptions++
    return preemptions
  })
  return { tracks, counters }
}

import { QUEUEING } from '../../../derived/hta/hta-events.ts'
import { literal } from '../../../store/live-schema.ts'
import type { RunReader, SqlRow } from '../../../store/read/run-reader.ts'
import { countOf } from '../../rows.ts'

export interface CriticalPath {
  rank: number
  /** Number of the step among those with the annotation, from 0. */
  instance: number
  /** The step's annotation. */
  name: string
  /** The longest path's weight; null where the events contradict each other, so that there is none. */
  duration_us: number | null
}

/** Steps analysed, of each rank. */
const MAX_INSTANCES = 16
/** Calls that wait for the GPU: their time counts as that of what they wait for. */
const BLOCKING = new Set([
  'cudaDeviceSynchronize',
  'cudaStreamSynchronize',
  'cudaEventQuery',
  'cudaEventSynchronize',
  'cudaMemcpy',
  'cudaMemcpyAsync',
])

/** What a step's graph is made of. */
export interface PathEvent {
  readonly id: number
  readonly thread: number
  readonly name: string
  /** `stack`: gives the thread its nesting, and has no node of its own. */
  readonly kind: 'operator' | 'stack' | 'kernel' | 'sync'
  readonly ts: number
  readonly te: number
  readonly stream: number | null
  /** The call that launched it, or that the synchronisation belongs to. */
  readonly call: number | null
  readonly callTs: number | null
  /** Operations waiting on the stream after the launch, and after the start; null where the launch is not counted. */
  readonly queuedAtLaunch: number | null
  readonly queuedAtStart: number | null
}

/**
 * HTA's critical path of each event with `annotation` in its name; if that is undefined, of each ProfilerStep, or of each
 * engine step where a run has none of those; if it is empty, of all of each rank: the longest path
 * through operators, calls, launches and kernels that began, or were launched, within the step. Waits on CUDA events are
 * not followed: what they wait for is not kept.
 */
export async function criticalPaths(reader: RunReader, events: string, annotation?: string): Promise<CriticalPath[]> {
  const steps = await reader.query(annotation === undefined ? stepsSql(events) : annotatedSql(events, annotation))
  const paths: CriticalPath[] = []
  for (const step of steps) {
    const rows = await reader.query(windowSql(events, countOf(step, 'rank'), countOf(step, 'ts'), countOf(step, 'te')))
    paths.push({
      rank: countOf(step, 'rank'),
      instance: countOf(step, 'instance'),
      name: String(step.name),
      duration_us: longestPath(rows.map(eventOf)),
    })
  }
  return paths
}

function stepsSql(events: string): string {
  return `${events}, named AS (
      SELECT rank, name, ts, te, slice_id, contains(name, 'ProfilerStep') AS profiler FROM cpu
      WHERE category = 'user_annotation' AND (contains(name, 'ProfilerStep') OR starts_with(name, 'execute_context_'))
    ) SELECT * FROM (
      SELECT *, row_number() OVER (PARTITION BY rank ORDER BY slice_id) - 1 AS instance FROM named
      WHERE profiler OR NOT (SELECT bool_or(profiler) FROM named)
    ) WHERE instance < ${MAX_INSTANCES} ORDER BY rank, instance`
}

/** If the last step was skipped, HTA puts device work first. */
function annotatedSql(events: string, annotation: string): string {
  if (annotation === '') {
    return `${events} SELECT rank, '' AS name, 0 AS instance, min(ts) AS ts, max(te) AS te FROM kept GROUP BY rank ORDER BY rank`
  }
  return `${events} SELECT * FROM (
      SELECT rank, name, ts, te, row_number() OVER (PARTITION BY rank ORDER BY on_gpu AND cut IS NOT NULL DESC, slice_id) - 1 AS instance
      FROM kept WHERE contains(name, ${literal(annotation)})
    ) WHERE instance < ${MAX_INSTANCES} ORDER BY rank, instance`
}

function windowSql(events: string, rank: number, from: number, to: number): string {
  return `${events}, mine AS (SELECT * FROM kept WHERE rank = ${rank}),
    calls AS (SELECT correlation, max(slice_id) AS call, max_by(ts, slice_id) AS call_ts, max_by(te, slice_id) AS call_te
      FROM mine WHERE NOT on_gpu AND correlation > 0 GROUP BY correlation),
    pairs AS (SELECT g.stream, c.slice_id AS call, g.slice_id AS work, c.ts AS launched, g.ts AS begun
      FROM mine c JOIN mine g ON g.correlation = c.correlation
      WHERE c.name IN ${QUEUEING} AND c.stream IS NULL AND g.stream IS NOT NULL),
    changes AS (SELECT stream, call AS id, launched AS moment, 1 AS change FROM pairs UNION ALL SELECT stream, work, begun, -1 FROM pairs),
    queue AS (SELECT id, any_value(length) AS length FROM (
      SELECT id, sum(change) OVER (PARTITION BY stream ORDER BY moment, change DESC ROWS UNBOUNDED PRECEDING) AS length FROM changes) GROUP BY id)
    SELECT m.slice_id, m.track_id, m.name, m.ts, m.te, m.stream, call, call_ts, a.length AS queued_at_launch, b.length AS queued_at_start,
      CASE WHEN category = 'cuda_sync' THEN 'sync' WHEN on_gpu THEN 'kernel' WHEN category IN ('cpu_op', 'cuda_runtime', 'cuda_driver') THEN 'operator'
        ELSE 'stack' END AS kind
    FROM mine m LEFT JOIN calls c ON m.on_gpu AND c.correlation = m.correlation
      LEFT JOIN queue a ON a.id = c.call LEFT JOIN queue b ON m.on_gpu AND b.id = m.slice_id
    WHERE CASE WHEN m.stream IS NULL THEN m.ts BETWEEN ${from} AND ${to} AND m.te > m.ts ELSE call_ts BETWEEN ${from} AND ${to} AND call_te > call_ts END
    ORDER BY m.slice_id`
}

function eventOf(row: SqlRow): PathEvent {
  const orNull = (name: string) => (row[name] === null ? null : countOf(row, name))
  return {
    id: countOf(row, 'slice_id'),
    thread: countOf(row, 'track_id'),
    name: String(row.name),
    kind: row.kind as PathEvent['kind'],
    ts: countOf(row, 'ts'),
    te: countOf(row, 'te'),
    stream: orNull('stream'),
    call: orNull('call'),
    callTs: orNull('call_ts'),
    queuedAtLaunch: orNull('queued_at_launch'),
    queuedAtStart: orNull('queued_at_start'),
  }
}

/** The weight of the longest path through a step's events; null where their order has a cycle. */
export function longestPath(events: readonly PathEvent[]): number | null {
  const graph = new PathGraph(events)
  for (const thread of groupBy(
    events.filter(({ kind }) => kind === 'operator' || kind === 'stack'),
    ({ thread: id }) => id,
  ))
    addThread(graph, thread)
  addKernels(graph, events)
  return graph.longest()
}

/** Two nodes an event, its start and its end; one edge between two nodes, the last that was added. */
class PathGraph {
  private readonly node = new Map<number, number>()
  private readonly times: number[] = []
  private readonly edges: Map<number, number>[] = []

  constructor(events: readonly PathEvent[]) {
    for (const { id, kind, ts, te } of events) {
      if (kind === 'stack') continue
      this.node.set(id, this.times.length)
      this.times.push(ts, te)
      this.edges.push(new Map(), new Map())
    }
  }

  start(id: number): number | undefined {
    return this.node.get(id)
  }

  end(id: number): number | undefined {
    const start = this.node.get(id)
    return start === undefined ? undefined : start + 1
  }

  timeOf(node: number): number {
    return this.times[node] as number
  }

  /** A missing weight is the time from one to the other; HTA takes negative ones as 0. */
  edge(from: number, to: number, weight = this.timeOf(to) - this.timeOf(from)): void {
    this.edges[from]?.set(to, Math.max(0, weight))
  }

  longest(): number | null {
    const waits = new Uint32Array(this.times.length)
    for (const out of this.edges) for (const to of out.keys()) waits[to] = (waits[to] as number) + 1
    const ready: number[] = []
    for (let node = 0; node < waits.length; node++) if (waits[node] === 0) ready.push(node)
    const best = new Float64Array(this.times.length)
    let done = 0
    let most = 0
    for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
      done++
      const reached = best[node] as number
      if (reached > most) most = reached
      for (const [to, weight] of this.edges[node] as Map<number, number>) {
        if (reached + weight > (best[to] as number)) best[to] = reached + weight
        waits[to] = (waits[to] as number) - 1
        if (waits[to] === 0) ready.push(to)
      }
    }
    return done === this.times.length ? most : null
  }
}

/** Goes through a thread's nested events: each start and end follows the one before it; outermost ones follow each other without weight. */
function addThread(graph: PathGraph, events: readonly PathEvent[]): void {
  const edges = events.flatMap((event) => [
    { event, at: event.ts, begins: true },
    { event, at: event.te, begins: false },
  ])
  edges.sort((a, b) => {
    if (a.at !== b.at) return a.at - b.at
    if (a.begins !== b.begins) return a.begins ? 1 : -1
    const [da, db] = [a.event.te - a.event.ts, b.event.te - b.event.ts]
    if (a.begins) return db - da || a.event.id - b.event.id
    return da - db || b.event.id - a.event.id
  })
  const stack: PathEvent[] = []
  let depth = 0
  let last: number | undefined
  let lastOutermost: number | undefined
  for (const { event, begins } of edges) {
    if (begins) {
      stack.push(event)
      const start = graph.start(event.id)
      if (start === undefined) continue
      if (depth === 0 && lastOutermost !== undefined) graph.edge(lastOutermost, start, 0)
      depth++
      if (last !== undefined) graph.edge(last, start)
      last = start
    } else {
      const ended = stack.pop() as PathEvent
      const end = graph.end(ended.id)
      if (end === undefined) continue
      depth--
      if (last !== undefined) graph.edge(last, end, BLOCKING.has(ended.name) ? 0 : undefined)
      if (depth === 0) {
        last = undefined
        lastOutermost = end
      } else last = end
    }
  }
}

/** Kernels follow their launch where the stream was empty, else the kernel before them; synchronising calls end after what they wait for. */
function addKernels(graph: PathGraph, events: readonly PathEvent[]): void {
  const work = events.filter(({ kind }) => kind === 'kernel' || kind === 'sync')
  const order = ({ kind, ts, te }: PathEvent) => (kind === 'sync' ? te : ts)
  work.sort((a, b) => order(a) - order(b) || a.id - b.id)
  const lastEnd = new Map<number | null, number>()
  for (const event of work) {
    const [start, end] = [graph.start(event.id) as number, graph.end(event.id) as number]
    const last = lastEnd.get(event.stream)
    if (event.kind === 'sync') {
      const callEnd = event.call === null ? undefined : graph.end(event.call)
      if (callEnd === undefined) continue
      if (event.name === 'Stream Sync' && last !== undefined) graph.edge(last, callEnd, 0)
      if (event.name === 'Context Sync') for (const each of lastEnd.values()) graph.edge(each, callEnd, 0)
      continue
    }
    graph.edge(start, end)
    const call = event.call === null ? undefined : graph.start(event.call)
    const idle = event.queuedAtLaunch === 1 && event.queuedAtStart === 0
    if (idle && call !== undefined && (last === undefined || graph.timeOf(last) < (event.callTs as number))) {
      graph.edge(call, start)
    } else if (last !== undefined) graph.edge(last, start)
    lastEnd.set(event.stream, end)
  }
}

function groupBy<T>(items: readonly T[], key: (item: T) => number): T[][] {
  const groups = new Map<number, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return [...groups.values()]
}

import type { Layer } from '../../trace/tables.ts'
import { chosenLayers, type ExportOptions, overlaps, sqlNumber } from '../export-options.ts'
import type { SealedRun } from '../sealed-run.ts'
import { type FlowJoin, type FlowKind, flowsOf, prepareFlows } from './flows.ts'
import { NestingLanes } from './lanes.ts'
import { drawRequests, REQUEST_START } from './request-lanes.ts'
import { Details, type TimelineSink } from './timeline-sink.ts'

export interface TimelineCounts {
  requests: number
  chunks: number
  slices: number
  counters: number
}

interface Track {
  id: number
  layer: Layer
  name: string
  label: string
  group: string
  unit: string | null
}

/** Draws a run, or a window and some layers of it, into a sink. */
export async function drawTimeline(
  run: SealedRun,
  sink: TimelineSink,
  options: ExportOptions,
): Promise<TimelineCounts> {
  const layers = chosenLayers(options.layers)
  sink.start(await timelineStart(run))
  const tracks = await readTracks(run, layers)
  const flowJoin = await prepareFlows(run)
  const counts: TimelineCounts = { requests: 0, chunks: 0, slices: 0, counters: 0 }
  const groups = new Map<string, number>()
  const groupOf = (name: string) => {
    const group = groups.get(name) ?? sink.group(name)
    groups.set(name, group)
    return group
  }
  if (layers.has('request')) Object.assign(counts, await drawRequests(run, sink, options, groupOf('request'), flowJoin))
  if (tracks.length > 0) {
    const place: Place = { run, sink, options, tracks, groupOf }
    counts.slices = await drawSlices(place, flowJoin)
    counts.counters = await drawCounters(place)
  }
  sink.end()
  return counts
}

interface Place {
  run: SealedRun
  sink: TimelineSink
  options: ExportOptions
  tracks: readonly Track[]
  groupOf(name: string): number
}

async function timelineStart(run: SealedRun) {
  const [row] = await run.rows(
    `SELECT (SELECT offset_ns FROM clocks WHERE clock = 'unix' ORDER BY abs(t_ns) LIMIT 1) AS unix_offset,
      least(0, (SELECT min(${REQUEST_START}) FROM requests), (SELECT min(t_ns) FROM chunks), (SELECT min(t_ns) FROM slices),
        (SELECT min(t_ns) FROM counters)) AS first_ns`,
  )
  const { epoch_ns, clock_bases, run_id } = run.run
  return {
    title: run_id,
    epochUnixNs: BigInt(epoch_ns) + BigInt(Math.round(Number(row?.unix_offset ?? 0))),
    monotonicNs: clock_bases.run === undefined ? null : BigInt(clock_bases.run),
    shiftNs: Math.ceil(-Number(row?.first_ns ?? 0)),
  }
}

async function readTracks(run: SealedRun, layers: ReadonlySet<Layer>): Promise<Track[]> {
  const rows = await run.rows('SELECT * FROM tracks ORDER BY track_id')
  const hosts = new Set(rows.map(({ host }) => host))
  return rows
    .filter(({ layer }) => layers.has(layer as Layer))
    .map((row) => {
      const name = String(row.name)
      const where = [hosts.size > 1 ? row.host : null, row.process].filter((part) => part !== null).map(String)
      return {
        id: Number(row.track_id),
        layer: row.layer as Layer,
        name,
        label: [name, row.thread, row.device].filter((part) => part !== null && part !== undefined).join(' · '),
        group: [String(row.layer), ...where].join(' · '),
        unit: row.unit === null ? null : String(row.unit),
      }
    })
}

async function drawSlices(place: Place, flowJoin: (kind: FlowKind, id: string) => FlowJoin): Promise<number> {
  const { run, sink, options, tracks } = place
  const byId = new Map(tracks.map((track) => [track.id, { track, lanes: new NestingLanes(), drawn: [] as number[] }]))
  const inside = `track_id IN (${[...byId.keys()].join(', ')}) AND ${overlaps(options, 't_ns', 't_ns + dur_ns')}`
  const names = new Map<number, number>()
  const used = `SELECT id, text FROM strings WHERE id IN (SELECT DISTINCT name_id FROM slices WHERE ${inside})`
  for await (const { rows, columns } of run.batches(used)) {
    for (let i = 0; i < rows; i++) names.set(columns[0]?.[i] as number, sink.name(String(columns[1]?.[i])))
  }
  const flows = flowJoin('slice', 's.slice_id')
  const facts = ['slice_id', 'request_id', 'step_id', 'tokens', 'bytes', 'stream', 'correlation', 'args'] as const
  const details = new Details()
  let count = 0
  const select = `SELECT s.track_id, s.t_ns, s.dur_ns, s.name_id, s.category, ${flows.columns}, ${facts.map((fact) => `s.${fact}`).join(', ')}
    FROM slices s ${flows.joins} WHERE ${inside.replaceAll(/\b(track_id|t_ns|dur_ns)\b/g, 's.$1')} ORDER BY s.t_ns, s.dur_ns DESC, s.slice_id`
  for await (const { rows, columns } of run.batches(select)) {
    const [ids, starts, durations, nameIds, categories, out, into, ...more] = columns
    for (let i = 0; i < rows; i++) {
      const known = byId.get(ids?.[i] as number)
      if (known === undefined) continue
      const [start, duration] = [starts?.[i] as number, durations?.[i] as number]
      const lane = known.lanes.place(start, start + duration)
      known.drawn[lane] ??= sink.track(
        place.groupOf(known.track.group),
        lane === 0 ? known.track.label : `${known.track.label} (${lane + 1})`,
      )
      details.clear()
      for (let f = 0; f < facts.length; f++) details.add(facts[f] as string, more[f]?.[i])
      const name = names.get(nameIds?.[i] as number) ?? `name ${nameIds?.[i]}`
      const flowing = flowsOf(out?.[i] ?? null, into?.[i] ?? null)
      sink.slice(known.drawn[lane], start, duration, name, categories?.[i] as string | null, details, flowing)
    }
    count += rows
  }
  return count
}

async function drawCounters({ run, sink, options, tracks, groupOf }: Place): Promise<number> {
  const used = await run.rows('SELECT DISTINCT track_id FROM counters')
  const wanted = new Set(used.map(({ track_id }) => Number(track_id)))
  const drawn = new Map<number, number>()
  for (const track of tracks) {
    if (wanted.has(track.id)) drawn.set(track.id, sink.counterTrack(groupOf(track.group), track.label, track.unit))
  }
  if (drawn.size === 0) return 0
  const window = [
    ...(options.fromNs === undefined ? [] : [`t_ns >= ${sqlNumber(options.fromNs)}`]),
    ...(options.toNs === undefined ? [] : [`t_ns < ${sqlNumber(options.toNs)}`]),
  ]
  const where = ['value IS NOT NULL', `track_id IN (${[...drawn.keys()].join(', ')})`, ...window].join(' AND ')
  let count = 0
  for await (const { rows, columns } of run.batches(
    `SELECT track_id, t_ns, value FROM counters WHERE ${where} ORDER BY t_ns, track_id`,
  )) {
    const [ids, times, values] = columns
    for (let i = 0; i < rows; i++) {
      sink.counter(drawn.get(ids?.[i] as number) as number, times?.[i] as number, values?.[i] as number)
    }
    count += rows
  }
  return count
}

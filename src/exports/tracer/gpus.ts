import { LayerlineError } from '../../base/errors.ts'
import { POWER_TRACKS } from '../../trace/gpu-power.ts'
import type { SealedRun } from '../sealed-run.ts'

/** What a GPU's samples can hold, by the name of the track. */
export const QUANTITIES = [
  'gpu_utilization_ratio',
  'memory_utilization_ratio',
  ...POWER_TRACKS,
  'sm_clock_hz',
  'memory_clock_hz',
  'memory_used_bytes',
  'temperature_c',
] as const
export type Quantity = (typeof QUANTITIES)[number]

/** One GPU as one source saw it. */
export interface SampledGpu {
  readonly index: string
  /** As in file names: without the maker, no spaces. `gpu` where the run does not say. */
  readonly name: string
  readonly clock: string
  /** The time that a utilisation speaks for, up to its stamp; 0 for a moment. */
  readonly windowNs: number
  readonly tracks: ReadonlyMap<Quantity, number>
}

/** The GPUs of a run whose utilisation was sampled; a run without any says so. */
export async function sampledGpus(run: SealedRun): Promise<SampledGpu[]> {
  const attr = (name: string) => `CASE WHEN json_valid(attrs) THEN json_extract_string(attrs, '$.${name}') END`
  const rows = await run.rows(
    `SELECT track_id, name, coalesce(host, '') AS host, coalesce(device, '') AS device, clock, ${attr('source')} AS source,
      coalesce(${['window_ns', 'update_period_ns', 'sample_period_ns'].map(attr).join(', ')}, '0')::DOUBLE AS window_ns
    FROM tracks WHERE layer = 'gpu' AND name IN (${QUANTITIES.map((name) => `'${name}'`).join(', ')}) ORDER BY host, device, track_id`,
  )
  const gpus = new Map<string, SampledGpu & { tracks: Map<Quantity, number> }>()
  for (const row of rows) {
    const key = JSON.stringify([row.host, row.device, row.source])
    const utilization = row.name === 'gpu_utilization_ratio'
    const before = gpus.get(key)
    const [, index = '', name = ''] = /^(\S+) \S+ (.*)$/.exec(String(row.device)) ?? []
    const tracks = before?.tracks ?? new Map<Quantity, number>()
    if (!tracks.has(row.name as Quantity)) tracks.set(row.name as Quantity, Number(row.track_id))
    gpus.set(key, {
      index: index || String(gpus.size),
      name: fileName(name || String(row.device)),
      clock: utilization ? String(row.clock) : (before?.clock ?? 'run'),
      windowNs: utilization ? Number(row.window_ns) : (before?.windowNs ?? 0),
      tracks,
    })
  }
  const sampled = [...gpus.values()].filter(({ tracks }) => tracks.has('gpu_utilization_ratio'))
  if (sampled.length === 0) {
    throw new LayerlineError('input/no-gpu-samples', `${run.folder}: no GPU samples in this run`, {
      hint: 'the Tracer writes one line per GPU sample: record with --gpu, or use --to tracer-csv --tables',
    })
  }
  return sampled
}

function fileName(name: string): string {
  return name.replace(/^NVIDIA\s+/i, '').replaceAll(/[^\w.]+/g, '-') || 'gpu'
}

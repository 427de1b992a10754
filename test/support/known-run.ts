import { join } from 'node:path'
import { Recording } from '../../src/session/recording.ts'
import { codeOf } from '../../src/trace/columns.ts'
import { CHUNK_KINDS, CONFIDENCES, LAYERS, LINK_KINDS, PHASES, STAGES, STATUSES } from '../../src/trace/tables.ts'

/** The GPU host's clock: two hours ahead, and 3 ms more. */
export const GPU_OFFSET_NS = 2 * 3600e9 + 3e6
export const WINDOW_NS = 200e6
export const GPU = '0 GPU-1234 NVIDIA A10'

export interface KnownRequest {
  id: number
  prompt: string
  stage: 'prefill' | 'decode'
  size: number
  sent: number
  first: number | null
  end: number
  input: number
  output: number
  requested: number | null
  status: 'ok' | 'http_error'
}

const ms = 1e6

/** Overlapping requests, idle stretches, one that failed. */
export const REQUESTS: readonly KnownRequest[] = [
  {
    id: 0,
    prompt: 'sea',
    stage: 'prefill',
    size: 64,
    sent: 550 * ms,
    first: 750 * ms,
    end: 1250 * ms,
    input: 64,
    output: 1,
    requested: null,
    status: 'ok',
  },
  {
    id: 1,
    prompt: 'the, "moon"',
    stage: 'decode',
    size: 128,
    sent: 1150 * ms,
    first: 1600 * ms,
    end: 2050 * ms,
    input: 12,
    output: 120,
    requested: 128,
    status: 'ok',
  },
  {
    id: 2,
    prompt: 'sun',
    stage: 'decode',
    size: 128,
    sent: 1300 * ms,
    first: null,
    end: 1320 * ms,
    input: 12,
    output: 0,
    requested: 128,
    status: 'http_error',
  },
  {
    id: 3,
    prompt: 'star',
    stage: 'decode',
    size: 128,
    sent: 2600 * ms,
    first: 2700 * ms,
    end: 2900 * ms,
    input: 12,
    output: 20,
    requested: 128,
    status: 'ok',
  },
]

export interface KnownSample {
  tNs: number
  utilization: number | null
  memory: number
  powerW: number
}

/** Every 100 ms for 3.5 s; one without a utilisation. */
export const SAMPLES: readonly KnownSample[] = Array.from({ length: 35 }, (_, i) => ({
  tNs: (i * 100 + 7) * ms,
  utilization: i === 9 ? null : ((i * 13) % 101) / 100,
  memory: ((i * 7) % 101) / 100,
  powerW: 50 + i / 4,
}))

/** A sealed run of these, with slices that overlap on their track, links and a request's tokens every 50 ms. */
export async function knownRun(parent: string): Promise<string> {
  const out = join(parent, 'known')
  const recording = await Recording.start(
    { command: 'test', out, config: {}, sampling: {}, seed: 1, hosts: [], engine: null },
    (error) => {
      throw error
    },
  )
  const { tracks, counters, clocks, requests, chunks, slices, strings, links } = recording.store.writers
  const gpu = (track_id: number, name: string, unit: string, window_ns: number) =>
    tracks.append({
      track_id,
      layer: codeOf(LAYERS, 'gpu'),
      host: 'gpuhost',
      device: GPU,
      name,
      unit,
      clock: 'gpuhost local time',
      attrs: JSON.stringify({ field: name, window_ns, update_period_ns: 100e6, source: 'nvidia-smi' }),
    })
  gpu(1, 'gpu_utilization_ratio', 'ratio', WINDOW_NS)
  gpu(2, 'memory_utilization_ratio', 'ratio', WINDOW_NS)
  gpu(3, 'power_draw_instant_w', 'W', 0)
  clocks.append({
    clock: 'gpuhost local time',
    t_ns: 0,
    offset_ns: GPU_OFFSET_NS,
    uncertainty_ns: 4e5,
    method: 'known',
  })
  for (const { tNs, utilization, memory, powerW } of SAMPLES) {
    counters.append({ track_id: 1, t_ns: tNs, value: utilization })
    counters.append({ track_id: 2, t_ns: tNs, value: memory })
    counters.append({ track_id: 3, t_ns: tNs, value: powerW })
  }
  for (const r of REQUESTS) {
    requests.append({
      request_id: r.id,
      shard: 0,
      prompt_id: r.prompt,
      stage: codeOf(STAGES, r.stage),
      size: r.size,
      scheduled_ns: r.sent - 2 * ms,
      connect_start_ns: r.sent - 1.5 * ms,
      connected_ns: r.sent - 0.5 * ms,
      sent_ns: r.sent,
      first_token_ns: r.first,
      last_token_ns: r.first === null ? null : r.end - 1 * ms,
      end_ns: r.end,
      status: codeOf(STATUSES, r.status),
      input_tokens: r.input,
      output_tokens: r.output,
      requested_tokens: r.requested,
      phase: codeOf(PHASES, 'measured'),
      repeat: 0,
      model: 'meta/Test-1B',
      profiled: false,
    })
    if (r.first === null) continue
    let index = 0
    for (let t = r.first; t < r.end; t += 50 * ms) {
      chunks.append({
        request_id: r.id,
        index: index++,
        t_ns: t,
        late_ns: 0,
        tokens: 1,
        bytes: 40 + index,
        kind: codeOf(CHUNK_KINDS, 'content'),
        coalesced: false,
      })
    }
  }
  tracks.append({ track_id: 10, layer: codeOf(LAYERS, 'engine'), process: '77 engine', name: 'steps', clock: 'run' })
  strings.append({ id: 5, text: 'prefill step' })
  strings.append({ id: 6, text: 'é "quoted" \\ step' })
  const slice = (slice_id: number, t_ns: number, dur_ns: number, name_id: number) =>
    slices.append({
      slice_id,
      track_id: 10,
      t_ns,
      dur_ns,
      name_id,
      category: 'step',
      tokens: slice_id,
      args: '{"a":1}',
    })
  slice(1, -5 * ms, 10 * ms, 5)
  slice(2, -4 * ms, 2 * ms, 6)
  // Overlaps the first without nesting.
  slice(3, 3 * ms, 12 * ms, 6)
  slice(4, 1000 * ms, 0, 5)
  const link = (src_id: number, src_index: number | null, dst_id: number) =>
    links.append({
      src_kind: codeOf(LINK_KINDS, 'chunk'),
      src_id,
      src_index,
      dst_kind: codeOf(LINK_KINDS, 'slice'),
      dst_id,
      kind: 'made by',
      share: 1,
      confidence: codeOf(CONFIDENCES, 'measured'),
    })
  link(0, 0, 4)
  link(1, 2, 3)
  await recording.finish()
  return out
}

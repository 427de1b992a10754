import { randomStream } from '../../src/base/random-stream.ts'
import type { Tables } from './memory-run.ts'

const MS = 1e6
const STEP_NS = 2e9
const SETTLE_NS = 0.2e9
const STREAMS = 3
const TTFT_NS = 50 * MS
const ITL_NS = 20 * MS

export interface CertifiedRunOptions {
  /** Of the layer with the longest blocks. */
  readonly pairs: number
  /** What each layer adds to every gap and to the first token while it is on, ns. */
  readonly adds: Readonly<Record<string, number>>
  /** Of each gap, to either side, ns. */
  readonly noiseNs: number
  readonly seed: number
  /** Steps of two seconds in a block of this layer; 1 where it is not named. */
  readonly steps?: Readonly<Record<string, number>>
}

/**
 * Answers of 40 tokens one after another, in three streams that get slower with time by a tenth, and layers that are switched in
 * pairs of blocks: what each of them adds is known exactly. While layers are switched, all is ten times slower.
 */
export function certifiedRun({ pairs, adds, noiseNs, seed, steps = {} }: CertifiedRunOptions): Tables {
  const random = randomStream('certified run', seed)
  const layers = Object.keys(adds)
  const most = Math.max(1, ...Object.values(steps))
  const count = 2 * pairs * most
  const order = new Map(layers.map((layer) => [layer, Array.from({ length: count }, () => random.uniform() < 0.5)]))
  const isOn = (layer: string, step: number): boolean => {
    const block = Math.floor(step / (steps[layer] ?? 1))
    return (block % 2 === 0) === (order.get(layer) as boolean[])[Math.floor(block / 2)]
  }
  const atStep = Array.from({ length: count }, (_, step) => layers.filter((layer) => isOn(layer, step)))
  const endNs = count * STEP_NS
  /** How long what begins at this time lasts, of what would last so long with nothing on. */
  const lasts = (tNs: number, plainNs: number): number => {
    const on = atStep[Math.min(count - 1, Math.floor(tNs / STEP_NS))] as string[]
    const added = on.reduce((sum, layer) => sum + (adds[layer] as number), 0)
    const switching = tNs % STEP_NS < SETTLE_NS ? 10 : 1
    return (plainNs * (1 + (0.1 * tNs) / endNs) + added + noiseNs * (2 * random.uniform() - 1)) * switching
  }
  const requests: NonNullable<Tables['requests']> = []
  const chunks: NonNullable<Tables['chunks']> = []
  for (let stream = 0; stream < STREAMS; stream++) {
    // A little before the first block and after the last: both are whole.
    for (let t = -0.1e9 - stream * MS; t < endNs + 0.1e9; ) {
      const request_id = requests.length
      const sent_ns = t
      t += lasts(Math.max(0, t), TTFT_NS)
      const first_token_ns = t
      for (let index = 0; index < 40; index++) {
        if (index > 0) t += lasts(Math.max(0, t), ITL_NS)
        chunks.push({ request_id, index, t_ns: t, kind: 'content', tokens: 1 })
      }
      const end = { first_token_ns, last_token_ns: t, end_ns: t }
      requests.push({ request_id, status: 'ok', scheduled_ns: sent_ns, sent_ns, ...end, output_tokens: 40 })
    }
  }
  chunks.sort((a, b) => (a.t_ns as number) - (b.t_ns as number))
  const tracks = layers.map((certifies, i) => ({
    track_id: i + 1,
    layer: 'client',
    name: 'certify',
    attrs: JSON.stringify({ certifies, off: 'paused', block_ns: STEP_NS * (steps[certifies] ?? 1) }),
  }))
  const slices = layers.flatMap((layer, i) =>
    atStep.map((on, step) => ({
      slice_id: i * count + step + 1,
      track_id: i + 1,
      t_ns: step * STEP_NS + SETTLE_NS,
      dur_ns: STEP_NS - SETTLE_NS,
      category: 'certify',
      args: JSON.stringify({ pair: Math.floor(step / (steps[layer] ?? 1) / 2), on: on.includes(layer) ? 1 : 0 }),
    })),
  )
  return { requests, chunks, tracks, slices }
}

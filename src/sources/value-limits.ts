import { codeOf } from '../trace/columns.ts'
import { LAYERS } from '../trace/tables.ts'
import type { SourceContext } from './source.ts'

/** What a unit allows, in the units of our tracks; generous, so that only what cannot be is refused. */
const LIMITS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  ratio: [0, 1],
  // The largest boards take 3 kW, and a counter grows for ten years.
  W: [0, 10e3],
  J: [0, 10e3 * 10 * 365.25 * 86_400],
  C: [-60, 200],
  Hz: [0, 20e9],
  bytes: [0, 2 ** 46],
  'bytes/s': [0, 20e12],
}
/** Averages of shares come out a rounding above 1. */
const SHARE_ROUNDING = 1e-3

/** Sentinels for "no value" of DCGM (32 bit, 64 bit, double; blank, not found, not supported, not permitted) and NVML. */
const BLANKS: ReadonlySet<number> = new Set([
  ...[0, 1, 2, 3].flatMap((n) => [0x7fff_fff0 + n, 140_737_488_355_328 + n]),
  // As doubles, the four 64 bit blanks are one number.
  2 ** 63,
  2 ** 32 - 1,
  2 ** 64,
])

export function isBlank(value: number): boolean {
  return BLANKS.has(value)
}

/** The value of a track, or NaN where its unit rules it out. `1` (counts, masks, states) must not be negative. */
export function possibleValue(unit: string, value: number): number {
  if (!Number.isFinite(value)) return Number.NaN
  const [least, most] = LIMITS[unit] ?? [0, Number.MAX_VALUE]
  if (value >= least && value <= most) return value
  return unit === 'ratio' && value > 1 && value <= 1 + SHARE_ROUNDING ? 1 : Number.NaN
}

/**
 * Values that were refused: counted in a track `values_rejected` of their device, which is made with the first, and reported
 * once for each field of a device.
 */
export class RejectedValues {
  private readonly context: SourceContext
  private readonly place: { layer: 'gpu' | 'engine'; host: string; source: string; clock: string }
  private readonly counts = new Map<string, { trackId: number; total: number }>()
  private readonly reported = new Set<string>()

  constructor(context: SourceContext, place: { layer: 'gpu' | 'engine'; host: string; source: string; clock: string }) {
    this.context = context
    this.place = place
  }

  /** `device` null: of the server as a whole. `shown`: the value as the source gave it. */
  add(tNs: number, device: string | null, field: string, shown: string): void {
    const { writers } = this.context
    const count = this.countOf(device)
    count.total++
    writers.counters.append({ track_id: count.trackId, t_ns: tNs, value: count.total })
    const key = JSON.stringify([device, field])
    if (this.reported.has(key) || this.reported.size >= 1000) return
    this.reported.add(key)
    const who = device === null ? '' : ` of ${device}`
    this.context.note(
      `${this.place.layer === 'gpu' ? 'gpu' : 'engine metrics'}: ${field}${who} reported ${shown}, which cannot be: recorded as no value, as are all such values`,
    )
  }

  private countOf(device: string | null): { trackId: number; total: number } {
    const key = device ?? ''
    const known = this.counts.get(key)
    if (known !== undefined) return known
    const { layer, host, source, clock } = this.place
    const count = { trackId: this.context.trackId(), total: 0 }
    this.counts.set(key, count)
    this.context.writers.tracks.append({
      track_id: count.trackId,
      layer: codeOf(LAYERS, layer),
      host,
      device,
      name: 'values_rejected',
      unit: '1',
      clock,
      attrs: JSON.stringify({ source, kind: 'total' }),
    })
    return count
  }
}

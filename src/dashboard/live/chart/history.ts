import type { LiveFigures } from '../../../session/live/live-figures.ts'
import { SERIES, type SeriesName, seriesOf } from './series.ts'

/** An hour at four samples a second. */
const CAPACITY = 14_400

/** What each chart showed, sample by sample, as far back as the longest window; older samples are written over. */
export class History {
  private readonly timesNs = new Float64Array(CAPACITY)
  private readonly values = new Map<SeriesName, Float32Array>()
  private readonly seen = new Set<SeriesName>()
  private count = 0

  constructor() {
    for (const name of Object.keys(SERIES) as SeriesName[]) this.values.set(name, new Float32Array(CAPACITY))
  }

  add(figures: LiveFigures): void {
    const at = this.count++ % CAPACITY
    this.timesNs[at] = figures.tNs
    for (const [name, values] of this.values) {
      const value = seriesOf(name).value(figures)
      values[at] = value
      if (!Number.isNaN(value)) this.seen.add(name)
    }
  }

  /** Whether it has a chart: optional figures only once they had a value. */
  has(name: SeriesName): boolean {
    return seriesOf(name).optional !== true || this.seen.has(name)
  }

  /**
   * The samples of the last `windowNs` in `places` of equal time. Places lie on a fixed grid of time, so that what is
   * drawn moves by whole places and does not flicker; a place between two samples takes the earlier one.
   */
  folded(name: SeriesName, windowNs: number, places: number): Float64Array {
    const values = this.values.get(name) as Float32Array
    const { fold } = seriesOf(name)
    const out = new Float64Array(places).fill(Number.NaN)
    const counts = new Uint32Array(places)
    if (this.count === 0) return out
    const placeNs = windowNs / places
    const lastPlace = Math.floor(this.timeOf(this.count - 1) / placeNs)
    const oldest = Math.max(0, this.count - CAPACITY)
    let before = places - 1
    for (let n = this.count - 1; n >= oldest; n--) {
      const place = Math.floor(this.timeOf(n) / placeNs) - lastPlace + places - 1
      const value = values[n % CAPACITY] as number
      for (let hold = place + 1; hold < before; hold++) if (hold >= 0) out[hold] = value
      before = Math.min(before, place)
      if (place < 0) break
      if (Number.isNaN(value)) continue
      const sofar = out[place] as number
      const seen = (counts[place] as number) + 1
      counts[place] = seen
      if (seen === 1) out[place] = value
      else out[place] = fold === 'max' ? Math.max(sofar, value) : sofar + (value - sofar) / seen
    }
    return out
  }

  /** The last value. */
  now(name: SeriesName): number {
    return this.count === 0
      ? Number.NaN
      : ((this.values.get(name) as Float32Array)[(this.count - 1) % CAPACITY] as number)
  }

  /** The highest of the last `windowNs`. */
  highest(name: SeriesName, windowNs: number): number {
    const values = this.values.get(name) as Float32Array
    let highest = Number.NaN
    const oldest = Math.max(0, this.count - CAPACITY)
    for (let n = this.count - 1; n >= oldest && this.timeOf(n) > this.timeOf(this.count - 1) - windowNs; n--) {
      const value = values[n % CAPACITY] as number
      if (!(value <= highest) && !Number.isNaN(value)) highest = value
    }
    return highest
  }

  private timeOf(n: number): number {
    return this.timesNs[n % CAPACITY] as number
  }
}

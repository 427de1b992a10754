/** Facts about one event, in a holder that is used again and again: nothing is allocated per event. */
export class Details {
  readonly names: string[] = []
  readonly values: (number | string)[] = []
  count = 0

  clear(): this {
    this.count = 0
    return this
  }

  /** Adds a fact; an unknown one is omitted. */
  add(name: string, value: unknown): this {
    if (typeof value === 'number' || typeof value === 'string') {
      this.names[this.count] = name
      this.values[this.count] = value
      this.count++
    }
    return this
  }
}

/** Links from (`out`) and to (`in`) an event, by flow number. */
export interface Flows {
  readonly out: readonly number[]
  readonly in: readonly number[]
}

export interface TimelineStart {
  readonly title: string
  /** Unix ns of the run's zero. */
  readonly epochUnixNs: bigint
  /** Monotonic ns of the run's zero; null where the run does not know it. */
  readonly monotonicNs: bigint | null
  /** Added to every time, so that none is negative. */
  readonly shiftNs: number
}

/**
 * A file format of the timeline. Times are ns since the run's epoch. On one track, slices nest and calls come in the
 * order of their start; across tracks there is no order. A name is a number from `name()`, or a text used only once.
 */
export interface TimelineSink {
  start(start: TimelineStart): void
  /** A group of tracks: a process to the viewers. */
  group(name: string): number
  track(group: number, name: string): number
  counterTrack(group: number, name: string, unit: string | null): number
  /** A text that many events share. */
  name(text: string): number
  slice(
    track: number,
    tNs: number,
    durNs: number,
    name: number | string,
    category: string | null,
    details: Details,
    flows: Flows | null,
  ): void
  instant(
    track: number,
    tNs: number,
    name: number,
    category: string | null,
    details: Details,
    flows: Flows | null,
  ): void
  counter(track: number, tNs: number, value: number): void
  end(): void
}

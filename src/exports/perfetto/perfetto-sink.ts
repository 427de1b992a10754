import type { Details, Flows, TimelineSink, TimelineStart } from '../timeline/timeline-sink.ts'
import { ProtoWriter } from './proto-writer.ts'

/** Field numbers of Perfetto's trace format, by message. */
const PACKET = 1
const TRACE_PACKET = {
  clockSnapshot: 6,
  timestamp: 8,
  sequenceId: 10,
  trackEvent: 11,
  internedData: 12,
  sequenceFlags: 13,
  timestampClockId: 58,
  defaults: 59,
  trackDescriptor: 60,
} as const
const TRACK_EVENT = {
  categoryIids: 3,
  debugAnnotations: 4,
  type: 9,
  nameIid: 10,
  trackUuid: 11,
  name: 23,
  doubleCounterValue: 44,
  flowIds: 47,
  terminatingFlowIds: 48,
} as const
const TRACK_DESCRIPTOR = { uuid: 1, name: 2, process: 3, parentUuid: 5, counter: 8 } as const
const COUNTER_DESCRIPTOR = { unit: 3, unitName: 6 } as const
const INTERNED = { categories: 1, eventNames: 2, annotationNames: 3 } as const
const ANNOTATION = { nameIid: 1, intValue: 4, doubleValue: 5, stringValue: 6, jsonValue: 9 } as const
const TYPE = { begin: 1, end: 2, instant: 3, counter: 4 } as const

const STATE_CLEARED = 1
const NEEDS_STATE = 2
const SEQUENCE = 1
const REALTIME = 1
const MONOTONIC = 3
/** The run's own clock: ids from 128 are free for producers and hold in the whole file. */
const RUN_CLOCK = 128

const UNITS: Readonly<Record<string, number>> = { ns: 1, '1': 2, count: 2, bytes: 3 }

/**
 * Writes a timeline as Perfetto's protobuf trace: one packet an event on one sequence, names interned, times in the
 * run's clock, which a clock snapshot ties to Unix time. A slice's end is written when the next event of its track
 * comes, so that each track is in the order of time.
 */
export class PerfettoSink implements TimelineSink {
  /** Packets written. */
  events = 0
  private readonly out: ProtoWriter
  private shiftNs = 0
  private uuids = 0
  private processes = 0
  private names = 0
  private readonly categories = new Map<string, number>()
  private readonly annotations = new Map<string, number>()
  /** Ends of the slices open on each track, the innermost last. */
  private readonly open: number[][] = []

  constructor(flushTo: (bytes: Uint8Array) => void) {
    this.out = new ProtoWriter(flushTo)
  }

  start({ epochUnixNs, monotonicNs, shiftNs }: TimelineStart): void {
    this.shiftNs = shiftNs
    const { out } = this
    const packet = this.packet(0)
    const snapshot = out.begin(TRACE_PACKET.clockSnapshot)
    const clock = (id: number, ns: bigint) => {
      const at = out.begin(1)
      out.varint(1, id)
      out.bigVarint(2, ns)
      out.end(at)
    }
    clock(RUN_CLOCK, BigInt(shiftNs))
    clock(REALTIME, epochUnixNs)
    if (monotonicNs !== null) clock(MONOTONIC, monotonicNs)
    out.varint(2, REALTIME)
    out.end(snapshot)
    this.endPacket(packet)
    const defaults = this.packet(STATE_CLEARED)
    const inside = out.begin(TRACE_PACKET.defaults)
    out.varint(TRACE_PACKET.timestampClockId, RUN_CLOCK)
    out.end(inside)
    this.endPacket(defaults)
  }

  group(name: string): number {
    const { out } = this
    const uuid = ++this.uuids
    this.descriptor(uuid, null, null, () => {
      const process = out.begin(TRACK_DESCRIPTOR.process)
      out.varint(1, ++this.processes)
      out.text(6, name)
      out.end(process)
    })
    return uuid
  }

  track(group: number, name: string): number {
    const uuid = ++this.uuids
    this.open[uuid] = []
    this.descriptor(uuid, name, group, () => {})
    return uuid
  }

  counterTrack(group: number, name: string, unit: string | null): number {
    const { out } = this
    const uuid = ++this.uuids
    this.descriptor(uuid, name, group, () => {
      const counter = out.begin(TRACK_DESCRIPTOR.counter)
      const known = unit === null ? undefined : UNITS[unit]
      if (known !== undefined) out.varint(COUNTER_DESCRIPTOR.unit, known)
      else if (unit !== null) out.text(COUNTER_DESCRIPTOR.unitName, unit)
      out.end(counter)
    })
    return uuid
  }

  name(text: string): number {
    const iid = ++this.names
    this.intern(INTERNED.eventNames, iid, text)
    return iid
  }

  slice(
    track: number,
    tNs: number,
    durNs: number,
    name: number | string,
    category: string | null,
    details: Details,
    flows: Flows | null,
  ): void {
    this.closeUntil(track, tNs, true)
    this.event(TYPE.begin, track, tNs, name, category, details, flows)
    this.open[track]?.push(tNs + durNs)
  }

  instant(
    track: number,
    tNs: number,
    name: number,
    category: string | null,
    details: Details,
    flows: Flows | null,
  ): void {
    this.closeUntil(track, tNs, false)
    this.event(TYPE.instant, track, tNs, name, category, details, flows)
  }

  counter(track: number, tNs: number, value: number): void {
    const { out } = this
    const packet = this.eventPacket(tNs)
    const event = out.begin(TRACE_PACKET.trackEvent)
    out.varint(TRACK_EVENT.type, TYPE.counter)
    out.varint(TRACK_EVENT.trackUuid, track)
    out.double(TRACK_EVENT.doubleCounterValue, value)
    out.end(event)
    this.endPacket(packet)
  }

  end(): void {
    for (const track of this.open.keys()) this.closeUntil(track, Number.POSITIVE_INFINITY, true)
    this.out.flush()
  }

  /**
   * Ends the slices of a track that are over by then; one that ends at exactly that time stays open for an instant
   * event, not for a slice.
   */
  private closeUntil(track: number, tNs: number, inclusive: boolean): void {
    const open = this.open[track]
    if (open === undefined) return
    const { out } = this
    while (open.length > 0) {
      const end = open.at(-1) as number
      if (inclusive ? end > tNs : end >= tNs) return
      open.pop()
      const packet = this.eventPacket(end)
      const event = out.begin(TRACE_PACKET.trackEvent)
      out.varint(TRACK_EVENT.type, TYPE.end)
      out.varint(TRACK_EVENT.trackUuid, track)
      out.end(event)
      this.endPacket(packet)
    }
  }

  private event(
    type: number,
    track: number,
    tNs: number,
    name: number | string,
    category: string | null,
    details: Details,
    flows: Flows | null,
  ): void {
    const { out } = this
    const categoryIid = category === null ? 0 : this.iid(this.categories, INTERNED.categories, category)
    for (let i = 0; i < details.count; i++) {
      this.iid(this.annotations, INTERNED.annotationNames, details.names[i] as string)
    }
    const packet = this.eventPacket(tNs)
    const event = out.begin(TRACE_PACKET.trackEvent)
    if (categoryIid !== 0) out.varint(TRACK_EVENT.categoryIids, categoryIid)
    for (let i = 0; i < details.count; i++) this.annotation(details, i)
    out.varint(TRACK_EVENT.type, type)
    if (typeof name === 'number') out.varint(TRACK_EVENT.nameIid, name)
    out.varint(TRACK_EVENT.trackUuid, track)
    if (typeof name === 'string') out.text(TRACK_EVENT.name, name)
    if (flows !== null) {
      for (const id of flows.out) out.fixed64(TRACK_EVENT.flowIds, id)
      for (const id of flows.in) out.fixed64(TRACK_EVENT.terminatingFlowIds, id)
    }
    out.end(event)
    this.endPacket(packet)
  }

  private annotation(details: Details, i: number): void {
    const { out } = this
    const name = details.names[i] as string
    const value = details.values[i] as number | string
    const at = out.begin(TRACK_EVENT.debugAnnotations)
    out.varint(ANNOTATION.nameIid, this.annotations.get(name) as number)
    if (typeof value === 'string') out.text(name === 'args' ? ANNOTATION.jsonValue : ANNOTATION.stringValue, value)
    else if (Number.isSafeInteger(value) && value >= 0) out.varint(ANNOTATION.intValue, value)
    else out.double(ANNOTATION.doubleValue, value)
    out.end(at)
  }

  private iid(known: Map<string, number>, field: number, text: string): number {
    let iid = known.get(text)
    if (iid === undefined) {
      iid = known.size + 1
      known.set(text, iid)
      this.intern(field, iid, text)
    }
    return iid
  }

  private intern(field: number, iid: number, text: string): void {
    const { out } = this
    const packet = this.packet(NEEDS_STATE)
    const data = out.begin(TRACE_PACKET.internedData)
    const entry = out.begin(field)
    out.varint(1, iid)
    out.text(2, text)
    out.end(entry)
    out.end(data)
    this.endPacket(packet)
  }

  private descriptor(uuid: number, name: string | null, parent: number | null, more: () => void): void {
    const { out } = this
    const packet = this.packet(NEEDS_STATE)
    const track = out.begin(TRACE_PACKET.trackDescriptor)
    out.varint(TRACK_DESCRIPTOR.uuid, uuid)
    if (name !== null) out.text(TRACK_DESCRIPTOR.name, name)
    if (parent !== null) out.varint(TRACK_DESCRIPTOR.parentUuid, parent)
    more()
    out.end(track)
    this.endPacket(packet)
  }

  private packet(flags: number): number {
    const at = this.out.begin(PACKET)
    this.out.varint(TRACE_PACKET.sequenceId, SEQUENCE)
    if (flags !== 0) this.out.varint(TRACE_PACKET.sequenceFlags, flags)
    return at
  }

  private eventPacket(tNs: number): number {
    const at = this.packet(NEEDS_STATE)
    this.out.varint(TRACE_PACKET.timestamp, Math.round(tNs + this.shiftNs))
    return at
  }

  private endPacket(start: number): void {
    this.out.end(start)
    this.events++
    this.out.settle()
  }
}

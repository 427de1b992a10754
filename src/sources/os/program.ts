import { type BootClock, monotonicNs } from './clock/boot-clock.ts'
import type { OsCount, OsOptions, OsSink } from './os-messages.ts'
import type { BpftraceMessage } from './output/ndjson.ts'
import { CountRows } from './rows/count-rows.ts'
import type { Processes } from './rows/processes.ts'
import { Stacks } from './rows/stacks.ts'
import { BpftraceProcess } from './runner/bpftrace-process.ts'
import { missedCalls } from './runner/missed-calls.ts'
import type { ProbeFile } from './script/probe-file.ts'
import { syscallName } from './syscall-names.ts'

/** Counts that arrive this many ticks late are stamped with their arrival. */
const LATE_TICKS = 10
const STALLED = 'bpftrace or its reader was stalled'

/** What a program tells the layer, and asks of it. */
export interface ProgramHost {
  readonly options: OsOptions
  readonly sink: OsSink
  readonly clock: BootClock
  readonly processes: Processes
  readonly abort: AbortController
  readonly onGroup: (pid: number, isOver: boolean) => void
  startOf(pid: number): number | null
  event(name: string, fields: Readonly<Record<string, number>>, text: string): void
  gap(fromNs: number, toNs: number, why: string): void
  /** Whether another program tells now what the target is made of. */
  isLed(): boolean
  /** The leading program has reported everything up to this time. */
  ledTo(tNs: number): void
}

export interface ProgramOptions {
  readonly files: readonly ProbeFile[]
  readonly script: string
  /** Whether it aligns the clock and follows processes. */
  readonly leads: boolean
  /** Whether the actions of this process are reported. */
  readonly isOurs: (pid: number) => boolean
}

/** A message, and when it came, on the monotonic clock. */
interface Arrived {
  readonly atNs: number
  readonly message: BpftraceMessage
}

/** One bpftrace and what it prints, until it ends. */
export class Program {
  private readonly layer: ProgramHost
  private readonly options: ProgramOptions
  private readonly bpftrace: BpftraceProcess
  private readonly rows: CountRows
  /** Lines that probes reported, by event: printed in the kernel, and received here. */
  private readonly printed = new Map<string, number>()
  private readonly arrived = new Map<string, number>()
  private readonly capped = new Map<string, number>()
  /** What came before the clocks were aligned, and when; null since then. */
  private waiting: Arrived[] | null = []
  /**
   * For a program that does not lead: its lines and their times, held until the leading one has reported as far. A pass
   * belongs to a process that the leader must have reported first.
   */
  private held: Arrived[] = []
  private lastTickBootNs = 0
  private flushed = false
  /** When counts became too late to know when they were counted. */
  private stalledNs: number | null = null
  /** It takes its probes off, and reads nothing meanwhile. */
  private stopping = false
  private readonly stacks = new Stacks()
  private diedNs: number | null = null
  /** Calls of its probes that the kernel skipped. */
  private missed = 0
  private end: { readonly how: string; readonly asked: boolean } | null = null

  /** Resolves when its probes are attached. */
  readonly ready: Promise<void>

  constructor(layer: ProgramHost, options: ProgramOptions) {
    this.layer = layer
    this.options = options
    const { mapKeys } = layer.options
    this.rows = new CountRows({
      maps: options.files.flatMap((file) => file.maps.map((spec) => ({ spec, file: file.name }))),
      mapKeys,
      processes: layer.processes,
      sink: layer.sink,
      startOf: (pid) => layer.startOf(pid),
      isOurs: options.isOurs,
      labelOf,
    })
    this.bpftrace = new BpftraceProcess({
      script: options.script,
      mapKeys,
      signal: layer.abort.signal,
      onGroup: layer.onGroup,
      onMessage: (message) => this.take(message),
      onEnd: (how, asked) => {
        this.end = { how, asked }
        if (!asked) this.finish()
      },
    })
    this.ready = this.bpftrace.ready
  }

  /** Ends it; its last counts are reported after `led`, the end of the leading program. */
  async stop(led: Promise<unknown> = Promise.resolve()): Promise<void> {
    this.stopping = true
    if (this.bpftrace.pid !== null && this.end === null) this.missed = missedCalls(this.bpftrace.pid) ?? 0
    await this.bpftrace.stop()
    await led
    this.finish()
    this.stacks.tell(this.layer.sink, this.layer.processes, (pid) => this.layer.startOf(pid))
    if (this.diedNs !== null) this.layer.gap(this.diedNs, monotonicNs(), `bpftrace ${this.end?.how ?? ''}`)
  }

  get leads(): boolean {
    return this.options.leads
  }

  /** Whether it tells which processes the target is made of. */
  get follows(): boolean {
    return this.options.leads && this.waiting === null && !this.stopping && this.diedNs === null
  }

  counts(): OsCount[] {
    return this.rows.counts()
  }

  private take(message: BpftraceMessage): void {
    const { layer } = this
    const arrived = { atNs: monotonicNs(), message }
    if (!this.options.leads) {
      if (layer.isLed() || layer.clock.offsetNs === null) {
        this.held.push(arrived)
        return
      }
      this.release(Number.POSITIVE_INFINITY)
      this.apply(arrived)
      return
    }
    this.feedClock(message)
    // What comes before the clocks are aligned has no time yet.
    this.waiting?.push(arrived)
    if (layer.clock.offsetNs === null) return
    const waiting = this.waiting ?? [arrived]
    this.waiting = null
    for (const each of waiting) this.apply(each)
  }

  /** Tells what came before, of what was held. */
  release(beforeNs: number): void {
    const kept = this.held.findIndex(({ atNs }) => atNs >= beforeNs)
    for (const each of this.held.splice(0, kept === -1 ? this.held.length : kept)) this.apply(each)
  }

  private feedClock(message: BpftraceMessage): void {
    if (message.kind !== 'event') return
    const { clock } = this.layer
    if (message.name === 'clock') clock.stamped(message.fields.t ?? 0)
    if (message.name === 'tick') clock.tick(message.fields.t ?? 0)
  }

  private apply({ atNs, message }: Arrived): void {
    if (message.kind === 'event') this.applyEvent(message.name, message.fields, message.text, atNs)
    else if (message.kind === 'hist') this.rows.histogram(message.name, message.values)
    else if (message.kind === 'map') {
      if (message.name === 'stacks') this.stacks.take(monotonicNs(), message.values)
      else if (message.name === 'emit') for (const [key, value] of message.values) this.printed.set(key, value)
      else if (message.name === 'capped') for (const [key, value] of message.values) this.capped.set(key, value)
      else this.rows.take(message.name, message.values)
    }
  }

  private applyEvent(name: string, fields: Readonly<Record<string, number>>, text: string, atNs: number): void {
    const bootNs = fields.t ?? 0
    if (name === 'tick') this.lastTickBootNs = bootNs
    else if (name === 'tock') this.tick(atNs)
    else if (name === 'end') {
      this.flushed = true
      this.lastTickBootNs = bootNs
    } else {
      this.arrived.set(name, (this.arrived.get(name) ?? 0) + 1)
      if (name === 'exec') this.rows.ran(fields.pid ?? 0)
      if (this.options.isOurs(fields.pid ?? 0)) this.layer.event(name, fields, text)
    }
  }

  /** Maps are read when a tick is worked off: where it arrived late, the counts are of then. What waited here for the clock or for another program was not late. */
  private tick(nowNs: number): void {
    const { clock, options } = this.layer
    const tickNs = clock.toMonotonic(this.lastTickBootNs)
    const lateNs = nowNs - tickNs
    if (lateNs > LATE_TICKS * options.tickMs * 1e6) {
      if (!this.stopping) this.stalledNs ??= tickNs
      this.rows.tick(nowNs, this.lastTickBootNs + lateNs)
      return
    }
    if (this.stalledNs !== null) this.layer.gap(this.stalledNs, tickNs, STALLED)
    this.stalledNs = null
    this.rows.tick(tickNs, this.lastTickBootNs)
    if (this.options.leads) this.layer.ledTo(tickNs)
  }

  /** It has ended: tells the rest, and what is missing. */
  private finish(): void {
    if (this.end === null) return
    const { how, asked } = this.end
    for (const message of this.waiting ?? []) this.apply(message)
    this.waiting = []
    this.release(Number.POSITIVE_INFINITY)
    const { sink, clock } = this.layer
    if (this.stalledNs !== null) this.layer.gap(this.stalledNs, monotonicNs(), STALLED)
    if (this.lastTickBootNs > 0) this.rows.tick(clock.toMonotonic(this.lastTickBootNs), this.lastTickBootNs)
    const lost = [...this.printed].reduce(
      (sum, [name, n]) => sum + (name === 'none' ? 0 : Math.max(0, n - (this.arrived.get(name) ?? 0))),
      0,
    )
    const capped = [...this.capped].reduce((sum, [name, n]) => sum + (name === 'none' ? 0 : n), 0)
    if (lost > 0) sink.lost(lost)
    if (capped > 0) {
      sink.lost(capped)
      sink.note(`os: ${capped} events were skipped, beyond ${this.layer.options.eventsPerSecond} a second`)
    }
    if (this.missed > 0)
      sink.note(
        `os: the kernel skipped ${this.missed} calls of probes, of any process, while another probe was running; counts lack them`,
      )
    if (this.rows.full.size > 0) sink.note(`os: full, other keys are not counted: ${[...this.rows.full].join(', ')}`)
    if (!asked && this.lastTickBootNs > 0) {
      this.diedNs = clock.toMonotonic(this.lastTickBootNs)
      sink.note(`os: bpftrace ${how} before the run did: what came after is missing`)
    }
    if (asked && !this.flushed) sink.note(`os: bpftrace ${how} without its last counts`)
  }
}

function labelOf(keyName: string, text: string): string {
  if (keyName === 'syscall') return syscallName(Number(text))
  return keyName === 'device' ? deviceName(Number(text)) : text
}

/** A device number as the kernel keeps it: 12 bits of major, 20 of minor. */
function deviceName(device: number): string {
  return `${device >>> 20}:${device & 0xfffff}`
}

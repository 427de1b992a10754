import type { Completion } from './completion.ts'
import type { Connection } from './connection.ts'
import type { Framing } from './framing.ts'
import type { Paced } from './pacer.ts'
import { grouped, type Step, script, withPings } from './script.ts'
import { SseText } from './sse-text.ts'
import type { RequestTruth, TruthBook } from './truth.ts'

/** All steps of a completion, pings among them, as they leave. */
export function writesOf(completion: Completion): Generator<Step[]> {
  const { ping_ms, events_per_write } = completion.behaviour
  const steps = script(completion)
  const pinged = ping_ms > 0 ? withPings(steps, ping_ms, new SseText(completion.behaviour).ping()) : steps
  return grouped(pinged, events_per_write || 1)
}

/** The body's length, if it must be announced; faults are not counted. */
export function bodyBytes(completion: Completion, framing: Framing): number {
  let bytes = 0
  for (const group of writesOf(completion)) bytes += Buffer.byteLength(framing.frame(group.map((step) => step.text)))
  return bytes + framing.end().length
}

/** A streamed answer in progress: the pacer runs it, write by write. */
export class StreamedAnswer implements Paced {
  dueNs: number
  private readonly writes: Generator<Step[]>
  private group: Step[] | undefined
  private readonly startNs: number
  private readonly connection: Connection
  private readonly framing: Framing
  private readonly truth: RequestTruth
  private readonly book: TruthBook
  private readonly done: () => void

  constructor(
    completion: Completion,
    connection: Connection,
    framing: Framing,
    truth: RequestTruth,
    startNs: number,
    book: TruthBook,
    done: () => void,
  ) {
    this.connection = connection
    this.framing = framing
    this.truth = truth
    this.book = book
    this.done = done
    this.startNs = startNs
    this.writes = writesOf(completion)
    this.dueNs = this.take()
  }

  /** Runs only what is due, one write: the pacer asks again for the next, so that streams take turns. */
  run(nowNs: number): boolean {
    const { group, connection } = this
    if (connection.closed) return false
    if (group === undefined) {
      this.finish()
      return false
    }
    const [first] = group
    if (first?.fault !== undefined) {
      connection.whenSent(() => this.fail(first.fault!))
      if (first.fault !== 'stall') return false
    } else if (first?.raw) connection.send(first.text)
    else this.write(group, nowNs)
    this.dueNs = this.take()
    if (this.group === undefined) {
      this.finish()
      return false
    }
    return this.dueNs !== Number.POSITIVE_INFINITY
  }

  private write(group: Step[], nowNs: number): void {
    const bytes = this.framing.frame(group.map((step) => step.text))
    this.connection.send(bytes, () => {
      const stampNs = this.connection.splitting ? this.connection.now() : nowNs
      for (const step of group) if (step.kind !== '') this.book.event(this.truth, stampNs, step.kind, step.tokens)
    })
  }

  /** When the next group leaves. */
  private take(): number {
    this.group = this.writes.next().value ?? undefined
    const last = this.group?.at(-1)
    return last === undefined ? this.startNs : this.startNs + last.atMs * 1e6
  }

  private finish(): void {
    this.connection.send(this.framing.end())
    this.connection.whenSent(this.done)
  }

  private fail(fault: 'rst' | 'fin' | 'stall'): void {
    if (fault === 'rst') this.connection.reset()
    else if (fault === 'fin') this.connection.socket.end()
  }
}

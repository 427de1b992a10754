import type { RandomStream } from '../../src/base/random-stream.ts'

/** A request as a server sees it, s. `sent_s` is when it came; the server fills in the rest. */
export interface ServerRequest {
  sent_s: number
  /** When the server began with it; it waited before. */
  start_s: number
  first_s: number
  end_s: number
}

/** A server whose capacity is known by construction. Requests are served in the order in which they come. */
export interface QueueServer {
  readonly name: ServiceName
  /** Requests a second that it serves while it never runs out of work. */
  readonly capacity_per_s: number
  /** Requests that it works on at once. */
  readonly parallel: number
  /** Takes a request at a time no earlier than that of the request before it. */
  arrive(request: ServerRequest): void
  /** Removes the first request that ends by this moment; null if none does. */
  takeEnd(by_s: number): ServerRequest | null
}

export const SERVICES = ['deterministic', 'mmc', 'batching'] as const
export type ServiceName = (typeof SERVICES)[number]

/** A share of a request's service that passes before its first token. */
const PREFILL_SHARE = 0.2

/** `atLeast`: requests that it works on at once, or more. */
export function queueServer(name: ServiceName, random: RandomStream, atLeast = 1): QueueServer {
  return name === 'batching' ? new BatchingServer(random) : new SlotServer(name, random, atLeast)
}

/** `parallel` slots behind one queue: service times all the same, or exponential (M/M/c where arrivals are Poisson). */
class SlotServer implements QueueServer {
  readonly name: 'deterministic' | 'mmc'
  readonly parallel: number
  readonly capacity_per_s: number
  private readonly draw: () => number
  private readonly freeAt: number[]
  private readonly serving: ServerRequest[] = []

  constructor(name: 'deterministic' | 'mmc', random: RandomStream, atLeast: number) {
    this.name = name
    this.parallel = random.pick([1, 2, 4, 8, 16].filter((slots) => slots >= atLeast))
    const meanS = random.pick([0.1, 0.5, 2])
    this.capacity_per_s = this.parallel / meanS
    this.draw = name === 'deterministic' ? () => meanS : () => -Math.log(1 - random.uniform53()) * meanS
    this.freeAt = Array.from({ length: this.parallel }, () => 0)
  }

  arrive(request: ServerRequest): void {
    const slot = this.freeAt.indexOf(Math.min(...this.freeAt))
    const start = Math.max(request.sent_s, this.freeAt[slot] as number)
    const service = this.draw()
    request.start_s = start
    request.first_s = start + PREFILL_SHARE * service
    request.end_s = start + service
    this.freeAt[slot] = request.end_s
    this.serving.push(request)
  }

  takeEnd(by_s: number): ServerRequest | null {
    let first: ServerRequest | undefined
    for (const each of this.serving) if (first === undefined || each.end_s < first.end_s) first = each
    if (first === undefined || first.end_s > by_s) return null
    this.serving.splice(this.serving.indexOf(first), 1)
    return first
  }
}

interface Running {
  request: ServerRequest
  left: number
}

/**
 * Continuous batching: a step runs every admitted request by one token and takes `base + each * batch` and the prefill of
 * those it admits; at most `parallel` at once. Full all the time it needs `tokens * (base + each * parallel) / parallel +
 * prefill` a request.
 */
class BatchingServer implements QueueServer {
  readonly name = 'batching'
  readonly parallel: number
  readonly capacity_per_s: number
  private readonly random: RandomStream
  private readonly tokens: number
  private readonly baseS = 0.02
  private readonly eachS = 0.0005
  private readonly prefillS: number
  private readonly waiting: ServerRequest[] = []
  private running: Running[] = []
  private ended: ServerRequest[] = []
  private nowS = 0

  constructor(random: RandomStream) {
    this.random = random
    this.parallel = random.pick([8, 16, 32])
    this.tokens = random.pick([20, 60])
    this.prefillS = random.pick([0.005, 0.02])
    const stepS = this.baseS + this.eachS * this.parallel
    this.capacity_per_s = 1 / ((this.tokens * stepS) / this.parallel + this.prefillS)
  }

  arrive(request: ServerRequest): void {
    while (this.nowS < request.sent_s && this.busy()) this.step()
    if (!this.busy()) this.nowS = Math.max(this.nowS, request.sent_s)
    this.waiting.push(request)
  }

  takeEnd(by_s: number): ServerRequest | null {
    while (this.ended.length === 0 && this.nowS < by_s && this.busy()) this.step()
    return this.ended[0] === undefined || this.ended[0].end_s > by_s ? null : (this.ended.shift() ?? null)
  }

  private busy(): boolean {
    return this.running.length + this.waiting.length > 0
  }

  private step(): void {
    const admitted = this.waiting.splice(0, this.parallel - this.running.length)
    for (const request of admitted) request.start_s = this.nowS
    this.running.push(...admitted.map((request) => ({ request, left: this.draw() })))
    this.nowS += this.baseS + this.eachS * this.running.length + this.prefillS * admitted.length
    for (const request of admitted) request.first_s = this.nowS
    for (const each of this.running) {
      each.left--
      if (each.left > 0) continue
      each.request.end_s = this.nowS
      this.ended.push(each.request)
    }
    this.running = this.running.filter(({ left }) => left > 0)
  }

  /** Uniform over half to one and a half of the mean: whole numbers around it, evenly. */
  private draw(): number {
    const half = Math.floor(this.tokens / 2)
    return this.tokens - half + this.random.below(2 * half + 1)
  }
}

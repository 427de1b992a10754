import { codeOf } from '../../../trace/columns.ts'
import { LAYERS } from '../../../trace/tables.ts'
import type { SourceContext } from '../../source.ts'
import type { EndedLine, ScheduledLine, StepLogHead } from './step-lines.ts'
import { type StepRow, StepState, tokensUnlisted } from './step-state.ts'

/** Steps that were scheduled and have not ended; with asynchronous scheduling there are a few, never many. */
const MOST_OPEN = 1024

/** What a log's times are in the run: ns since the head's monotonic_ns to ns since the run's epoch. */
export interface StepClock {
  readonly name: string
  runNs(sinceHeadNs: number): number
}

interface OpenStep {
  /** ns since the head's monotonic_ns. */
  readonly a: number
  readonly rows: readonly StepRow[]
}

interface KnownRequest {
  /** Of this run; null for a request of another client. */
  requestId: number | null
  promptTokens: number
}

/**
 * The steps of one engine core as slices: one per step (`prefill`, `decode`, `mixed`; category `step`), from the
 * scheduler's call to the moment its tokens were known, and one per request of this run in it (category `scheduled`),
 * which names its step and its request. `args` says how many tokens came out if that is unusual: the usual count is
 * none for a `chunked prefill`, else one.
 */
export class StepRows {
  private readonly context: SourceContext
  private readonly requestIdOf: (serverId: string) => number | null
  private readonly clock: StepClock
  private readonly requests = new Map<number, KnownRequest>()
  private readonly open = new Map<number, OpenStep>()
  private readonly state: StepState
  private readonly unlisted: number
  private readonly stepTrack: number
  private readonly requestTrack: number
  /** Steps whose end never came, that began before the run did, or that are not known. */
  skipped = 0
  preemptions = 0

  constructor(
    context: SourceContext,
    head: StepLogHead,
    file: string,
    requestIdOf: (id: string) => number | null,
    clock: StepClock,
  ) {
    this.context = context
    this.requestIdOf = requestIdOf
    this.clock = clock
    this.state = new StepState(head)
    this.unlisted = tokensUnlisted(head)
    const { layerline_step_log: version, monotonic_ns: _, unix_ns: __, pid, ...facts } = head
    const attrs = JSON.stringify({ source: file, version, ...facts })
    const track = (name: string) => {
      const id = context.trackId()
      context.writers.tracks.append({
        ...{
          track_id: id,
          layer: codeOf(LAYERS, 'engine'),
          process: `${pid} engine core`,
          name,
          clock: clock.name,
          attrs,
        },
      })
      return id
    }
    this.stepTrack = track('steps')
    this.requestTrack = track('scheduled requests')
  }

  scheduled(line: ScheduledLine): void {
    this.preempted(line)
    for (const number of line.f) this.requests.delete(number)
    for (const [number, id, promptTokens] of line.new) {
      this.requests.set(number, { requestId: this.requestIdOf(id), promptTokens })
    }
    const rows = this.state.next(line)
    if (rows === null) {
      this.skipped++
      return
    }
    this.open.set(line.n, { a: line.a, rows })
    if (this.open.size > MOST_OPEN) {
      this.open.delete(this.open.keys().next().value as number)
      this.skipped++
    }
  }

  /** Steps before the run give no rows: an earlier run of the same name may have had requests of the same names. */
  private preempted(line: ScheduledLine): void {
    const tNs = this.clock.runNs(line.a)
    if (tNs < 0) return
    for (const number of line.p) {
      const request = this.requests.get(number)
      if (request === undefined || request.requestId === null) continue
      this.preemptions++
      this.slice(this.requestTrack, tNs, 0, 'preempted', { category: 'preemption', request_id: request.requestId })
    }
  }

  ended(line: EndedLine): void {
    const step = this.open.get(line.e)
    this.open.delete(line.e)
    const [startNs, endNs] = [this.clock.runNs(step?.a ?? 0), this.clock.runNs(line.a)]
    if (step === undefined || startNs < 0) {
      this.skipped++
      return
    }
    const { rows } = step
    const out = new Map(line.o)
    const parts = rows.map(([number, tokens, computed]) => this.part(number, tokens, computed))
    const prefills = parts.filter(({ name }) => name !== 'decode').length
    const name = prefills === 0 ? 'decode' : prefills === parts.length ? 'prefill' : 'mixed'
    const total = parts.reduce((sum, { tokens }) => sum + tokens, 0)
    const stepId = this.slice(
      this.stepTrack,
      startNs,
      endNs - startNs,
      name,
      { category: 'step', tokens: total, ...this.crowd(rows) },
      true,
    )
    for (const { number, request, name, tokens } of parts) {
      if (request === undefined || request.requestId === null) continue
      const emitted = out.get(number) ?? this.unlisted
      this.slice(this.requestTrack, startNs, endNs - startNs, name, {
        category: 'scheduled',
        step_id: stepId,
        request_id: request.requestId,
        tokens,
        args: emitted === (name === 'chunked prefill' ? 0 : 1) ? null : JSON.stringify({ emitted }),
      })
    }
  }

  /** How many requests a step ran, where not all of them are of this run. */
  private crowd(rows: readonly StepRow[]): { args?: string } {
    const own = rows.every(([number]) => (this.requests.get(number)?.requestId ?? null) !== null)
    return own ? {} : { args: JSON.stringify({ requests: rows.length }) }
  }

  private part(number: number, tokens: number, computed: number) {
    const request = this.requests.get(number)
    const prompt = request?.promptTokens ?? 0
    const name = computed >= prompt ? 'decode' : computed + tokens < prompt ? 'chunked prefill' : 'prefill'
    return { number, request, name, tokens }
  }

  private slice(
    track: number,
    tNs: number,
    durNs: number,
    name: string,
    more: { category: string; step_id?: number; request_id?: number; tokens?: number; args?: string | null },
    isStep = false,
  ): number {
    const id = this.context.sliceId()
    this.context.writers.slices.append({
      slice_id: id,
      track_id: track,
      t_ns: tNs,
      dur_ns: durNs,
      name_id: this.context.nameId(name),
      ...more,
      ...(isStep ? { step_id: id } : {}),
    })
    return id
  }
}

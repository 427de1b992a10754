import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '../../../trace/columns.ts'
import { LAYERS } from '../../../trace/tables.ts'
import { requestIdReader, traceIdReader } from '../../requests/header-run-id.ts'
import type { PreparedSource, SourceContext } from '../../source.ts'
import { type OtlpServer, startOtlpServer } from './otlp-server.ts'
import type { OtlpSpan } from './trace-request.ts'

/** An exporter sends its spans every 5 s by default. */
const LAST_SPANS_MS = 5_500
/** vLLM's names, and those of the convention where it has one. */
const ID = ['gen_ai.request.id', 'gen_ai.response.id']
const OUTPUT = ['gen_ai.usage.completion_tokens', 'gen_ai.usage.output_tokens']

/**
 * Listens for what the server reports about each request by OTLP, from now on, and for `lastSpansMs` after the run.
 * Throws `usage/port`.
 */
export async function prepareOtlp(
  port: number,
  lastSpansMs = LAST_SPANS_MS,
): Promise<PreparedSource & { readonly url: string }> {
  const source = new OtlpSource(lastSpansMs)
  await source.listen(port)
  return source
}

/**
 * The spans that a server sends of this run's requests as slices of the layer `engine`, category `otlp`: the span itself, and
 * where it says how long they were (vLLM), its `queue`, `prefill` and `decode`. These come as durations; they are placed by
 * the time to first token.
 */
class OtlpSource implements PreparedSource {
  problem: string | null = null
  private readonly lastSpansMs: number
  private server: OtlpServer | null = null
  private context: SourceContext | null = null
  private idOf: (serverId: string) => number | null = () => null
  private idOfTrace: (traceId: string) => number | null = () => null
  private track = 0
  private spans = 0
  private others = 0
  private stopping: Promise<void> | null = null

  constructor(lastSpansMs: number) {
    this.lastSpansMs = lastSpansMs
  }

  get url(): string {
    return this.server?.url ?? ''
  }

  async listen(port: number): Promise<void> {
    this.server = await startOtlpServer(port, (spans) => {
      for (const span of spans) this.take(span)
    })
  }

  async start(context: SourceContext): Promise<void> {
    this.context = context
    this.idOf = requestIdReader(context.runId)
    this.idOfTrace = traceIdReader(context.runId)
  }

  stop(): Promise<void> {
    this.stopping ??= this.finish()
    return this.stopping
  }

  private async finish(): Promise<void> {
    const { context, server } = this
    if (context !== null) {
      await sleep(this.lastSpansMs)
      const refused = server?.refused ?? { count: 0, first: '' }
      if (refused.count > 0) this.problem = `otlp: ${refused.count} bodies refused, the first: ${refused.first}`
      else if (this.spans === 0) {
        const why = this.others === 0 ? 'no spans came' : `${this.others} spans came, none of a request of this run`
        this.problem = `otlp: ${why}; start vLLM with --otlp-traces-endpoint ${this.url} and OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf`
      }
      if (this.problem !== null) context.note(this.problem)
    }
    server?.close()
    this.context = null
  }

  private take(span: OtlpSpan): void {
    const { context } = this
    if (context === null) return
    const id = ID.map((name) => span.attributes.get(name)).find((value) => typeof value === 'string')
    const requestId = (typeof id === 'string' ? this.idOf(id) : null) ?? this.idOfTrace(span.traceId)
    if (requestId === null) {
      this.others++
      return
    }
    this.spans++
    const { offsetNs } = context.unixOffset()
    const startNs = Number(span.startNs - context.clock.epochUnixNs) - offsetNs
    const lastedNs = Math.max(0, Number(span.endNs - span.startNs))
    const output = OUTPUT.map((name) => span.attributes.get(name)).find((value) => typeof value === 'number')
    this.slice(span.name, requestId, startNs, lastedNs, typeof output === 'number' ? { tokens: output } : {})
    const seconds = (name: string) => {
      const value = span.attributes.get(`gen_ai.latency.${name}`)
      return typeof value === 'number' && value >= 0 ? value * 1e9 : null
    }
    const first = seconds('time_to_first_token')
    const [queue, prefill, decode] = [
      seconds('time_in_queue'),
      seconds('time_in_model_prefill'),
      seconds('time_in_model_decode'),
    ]
    if (first === null || queue === null || prefill === null) return
    const firstNs = startNs + first
    this.slice('queue', requestId, firstNs - prefill - queue, queue)
    this.slice('prefill', requestId, firstNs - prefill, prefill)
    if (decode !== null) this.slice('decode', requestId, firstNs, decode)
  }

  private slice(name: string, requestId: number, tNs: number, durNs: number, more: { tokens?: number } = {}): void {
    const { context } = this
    if (context === null) return
    if (this.track === 0) {
      this.track = context.trackId()
      context.writers.tracks.append({
        track_id: this.track,
        layer: codeOf(LAYERS, 'engine'),
        name: 'otlp spans',
        unit: 'ns',
        clock: 'unix',
        attrs: JSON.stringify({ source: this.url }),
      })
    }
    context.writers.slices.append({
      slice_id: context.sliceId(),
      track_id: this.track,
      t_ns: tNs,
      dur_ns: durNs,
      name_id: context.nameId(name.slice(0, 200)),
      category: 'otlp',
      request_id: requestId,
      ...more,
    })
  }
}

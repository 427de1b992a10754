import { z } from 'zod'
import type { ResultReader } from '../import-format.ts'
import { failureOf } from '../results/failure-status.ts'
import { appendRequest } from '../results/imported-request.ts'
import type { ResultFile } from '../results/result-file.ts'
import type { RunWriter } from '../run-writer.ts'

/** Unix ns do not fit a double: they are read as text. */
const unixNs = z.string().regex(/^\d+$/).transform(BigInt)
const value = z.object({ value: z.union([z.number(), z.array(z.number()), z.string(), z.boolean(), z.null()]) })

/** A line of AIPerf 0.13's profile_export.jsonl, as far as it is read. */
const schema = z.object({
  metadata: z.object({
    session_num: z.int().nullish(),
    conversation_id: z.string().nullish(),
    turn_index: z.int().nonnegative().nullish(),
    credit_issued_ns: unixNs.nullish(),
    request_start_ns: unixNs,
    request_ack_ns: unixNs.nullish(),
    request_end_ns: unixNs.nullish(),
    benchmark_phase: z.string(),
    was_cancelled: z.boolean().nullish(),
  }),
  /** null, or incomplete, for requests that failed. */
  metrics: z
    .record(z.string(), value.nullable())
    .nullish()
    .transform((metrics) => metrics ?? {}),
  error: z.object({ code: z.int().nullish(), type: z.string().nullish(), message: z.string().nullish() }).nullish(),
})
type Line = z.output<typeof schema>

/** `"request_start_ns":1795624844722723528` -> the same in quotes. */
function quoteNs(text: string): string {
  return text.replace(/("[a-z_]+_ns"\s*:\s*)(\d+)/g, '$1"$2"')
}

const KIB = 1024
/** What AIPerf calls a request that it cancelled itself. */
const CLIENT_CLOSED = 499

class Requests {
  private readonly run: RunWriter
  private epochNs: bigint | null = null
  read = 0
  unstreamed = 0

  constructor(run: RunWriter) {
    this.run = run
  }

  take({ metadata, metrics, error }: Line): void {
    const started = metadata.credit_issued_ns ?? metadata.request_start_ns
    // A microsecond: the epoch is set in µs. Later lines may start earlier, which gives a negative time.
    if (this.epochNs === null) {
      this.epochNs = (started / 1000n) * 1000n
      this.run.setEpoch(Number(this.epochNs / 1000n))
    }
    const epoch = this.epochNs
    const since = (ns: bigint | null | undefined) => (ns == null ? null : Number(ns - epoch))
    const number = (name: string) => {
      const found = metrics[name]?.value
      return typeof found === 'number' ? found : null
    }
    const count = (name: string) => {
      const found = number(name)
      return found === null || found < 0 ? null : Math.round(found)
    }
    const sent = Number(metadata.request_start_ns - epoch)
    const at = (name: string) => {
      const ms = number(name)
      return ms === null ? null : sent + ms * 1e6
    }
    const first = at('time_to_first_token')
    const last = first === null ? null : at('request_latency')
    const gaps = metrics.inter_chunk_latency?.value
    const events = first === null ? [] : eventTimes(first, Array.isArray(gaps) ? gaps : [])
    // Without the gaps only two events of a longer answer are known, and no event is better than a false gap.
    const known = Array.isArray(gaps) || first === last
    const usage = number('usage_completion_tokens') !== null
    const reused = number('http_req_connection_reused')
    const sentKib = number('http_req_data_sent')
    const receivedKib = number('http_req_data_received')
    const failure = error == null ? null : failureOf(`${error.type ?? ''} ${error.message ?? ''}`, error.code ?? null)
    const isCancelled = metadata.was_cancelled || (error?.code === CLIENT_CLOSED && /cancel/i.test(error.type ?? ''))
    this.read++
    if (failure === null && first === null) this.unstreamed++
    appendRequest(this.run, {
      promptId: metadata.session_num == null ? null : String(metadata.session_num),
      sessionId: metadata.conversation_id ?? null,
      turn: metadata.turn_index ?? null,
      scheduledNs: Number(started - epoch),
      sentNs: sent,
      headersNs: since(metadata.request_ack_ns),
      firstTokenNs: first,
      lastTokenNs: last,
      endNs: since(metadata.request_end_ns),
      connReused: reused === null ? null : reused === 1,
      ...(isCancelled ? { status: 'cancelled' } : (failure ?? { status: 'ok' })),
      inputTokens: count('usage_prompt_tokens') ?? count('input_sequence_length'),
      outputTokens: count('usage_completion_tokens') ?? count('output_sequence_length'),
      cachedTokens: count('usage_prompt_cache_read_tokens'),
      reasoningTokens: count('usage_reasoning_tokens') ?? count('reasoning_token_count'),
      tokenSource: usage ? 'usage' : number('output_sequence_length') === null ? null : 'tokenizer',
      phase: metadata.benchmark_phase === 'warmup' ? 'warmup' : 'measured',
      events: known ? events : [],
      sharedStampsAreReads: true,
      txBytes: sentKib === null ? null : Math.round(sentKib * KIB),
      rxBytes: receivedKib === null ? null : Math.round(receivedKib * KIB),
    })
  }
}

function eventTimes(first: number, gapsMs: readonly number[]): number[] {
  const times = [first]
  for (const gap of gapsMs) times.push((times.at(-1) as number) + gap * 1e6)
  return times
}

async function read(file: ResultFile, run: RunWriter): Promise<void> {
  const requests = new Requests(run)
  run.describe({}, { tool: 'AIPerf' })
  for await (const line of file.lines(schema, quoteNs)) {
    if (line === null) {
      run.lose('requests', 1)
      run.note('warn', 'cut line', `${file.name}: the last line was cut off and is skipped`)
    } else requests.take(line)
  }
  file.finish(run, requests.read)
  if (requests.unstreamed > 0) {
    run.note('note', 'stream', `${requests.unstreamed} answers have no time of a first token: they did not stream`)
  }
  run.note(
    'note',
    'events',
    "sent is AIPerf's request start, before the connection; due is when its credit was issued; an event is a response with content. Kinds, tokens, bytes and lateness of events, server, model and limits are not in the file",
  )
}

export const aiperf: ResultReader = {
  reads: 'AIPerf 0.13',
  detect: (head) => /^\{\s*"metadata"/.test(head) && head.includes('"benchmark_phase"') && head.includes('"metrics"'),
  read,
}

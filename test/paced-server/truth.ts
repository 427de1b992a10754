const MAX_REQUESTS = 50_000
const MAX_STAMPS = 4_000_000

/** What the server did for one request; times are ns after `base_ns` of the whole. */
export interface RequestTruth {
  /** When the last byte of the body was read. */
  received_ns: number
  /** Just before the write of the first event that carries a token; null if none was written. */
  first_ns: number | null
  last_ns: number | null
  /** Just before each event's write (`[DONE]` apart); empty for unpaced answers, which keep only first and last. */
  stamps: number[]
  /** A letter an event: r role, e empty, c content, t thinking (reasoning), f function call, u usage, x error, ? broken. */
  kinds: string
  tokens: number
  prompt_tokens: number
  /** The client closed the connection before the end. */
  aborted_ns: number | null
}

export interface Truth {
  /** `process.hrtime.bigint()` (CLOCK_MONOTONIC) at the server's zero, decimal. */
  base_ns: string
  /** By X-Request-Id, else `anonymous-<n>`. */
  requests: Record<string, RequestTruth>
  /** Requests and stamps that were not kept, for want of room. */
  untold: number
  pacing: { runs: number; late_p50_ns: number; late_p99_ns: number; late_max_ns: number }
}

/** Keeps what happened, in bounded memory, until it is cleared. */
export class TruthBook {
  promptTokens = 0
  generatedTokens = 0
  private requests = new Map<string, RequestTruth>()
  private stamps = 0
  private untold = 0
  private anonymous = 0

  open(id: string | undefined, receivedNs: number, promptTokens: number): RequestTruth {
    const truth: RequestTruth = {
      received_ns: receivedNs,
      first_ns: null,
      last_ns: null,
      stamps: [],
      kinds: '',
      tokens: 0,
      prompt_tokens: promptTokens,
      aborted_ns: null,
    }
    this.promptTokens += promptTokens
    if (this.requests.size < MAX_REQUESTS) this.requests.set(id ?? `anonymous-${this.anonymous++}`, truth)
    else this.untold++
    return truth
  }

  /** Events written at `nowNs`. */
  event(truth: RequestTruth, nowNs: number, kind: string, tokens: number): void {
    if (this.stamps < MAX_STAMPS) {
      this.stamps++
      truth.stamps.push(nowNs)
      truth.kinds += kind
    } else this.untold++
    this.tokens(truth, nowNs, tokens)
  }

  /** Tokens written at `nowNs` without a stamp an event. */
  tokens(truth: RequestTruth, nowNs: number, tokens: number): void {
    if (tokens === 0) return
    truth.first_ns ??= nowNs
    truth.last_ns = nowNs
    truth.tokens += tokens
    this.generatedTokens += tokens
  }

  clear(): void {
    this.requests.clear()
    this.stamps = 0
    this.untold = 0
    this.anonymous = 0
  }

  report(): { requests: Record<string, RequestTruth>; untold: number } {
    return { requests: Object.fromEntries(this.requests), untold: this.untold }
  }
}

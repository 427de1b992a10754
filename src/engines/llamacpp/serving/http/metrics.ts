export type FinishReason = 'stop' | 'length'
export type FinishedReason = FinishReason | 'abort' | 'error'

/** What the engine counts, where tokens are decoded; `text` is Prometheus' format, with vLLM's names. */
export class Metrics {
  /** Prompt tokens whose first output token was sampled, cached ones included. */
  promptTokens = 0
  /** Of these, those that a sequence had decoded before. */
  cachedTokens = 0
  /** Tokens sampled, those that end a text included. */
  generationTokens = 0
  /** Prompt tokens looked up in the sequences, and those found. */
  prefixQueries = 0
  prefixHits = 0
  readonly finished: Record<FinishedReason, number> = { stop: 0, length: 0, abort: 0, error: 0 }
  readonly #labels: string

  constructor(modelName: string) {
    this.#labels = `engine="0",model_name="${modelName.replaceAll(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`
  }

  text(now: { running: number; waiting: number; cacheUsage: number }): string {
    const one = (name: string, type: 'counter' | 'gauge', help: string, value: number) =>
      `# HELP vllm:${name} ${help}\n# TYPE vllm:${name} ${type}\nvllm:${name}{${this.#labels}} ${value}\n`
    const finished = Object.entries(this.finished)
      .map(([reason, count]) => `vllm:request_success_total{${this.#labels},finished_reason="${reason}"} ${count}\n`)
      .join('')
    return [
      one('num_requests_running', 'gauge', 'Requests that a sequence is decoding.', now.running),
      one('num_requests_waiting', 'gauge', 'Requests that wait for a sequence.', now.waiting),
      one('kv_cache_usage_perc', 'gauge', 'Share of the context that running requests fill; 1 is all.', now.cacheUsage),
      one('prompt_tokens_total', 'counter', 'Prompt tokens processed.', this.promptTokens),
      one(
        'prompt_tokens_cached_total',
        'counter',
        'Prompt tokens that a sequence had decoded before.',
        this.cachedTokens,
      ),
      one('generation_tokens_total', 'counter', 'Tokens sampled.', this.generationTokens),
      one('prefix_cache_queries_total', 'counter', 'Prompt tokens looked up in the prefix cache.', this.prefixQueries),
      one('prefix_cache_hits_total', 'counter', 'Prompt tokens found in the prefix cache.', this.prefixHits),
      '# HELP vllm:request_success_total Requests finished, by reason.\n# TYPE vllm:request_success_total counter\n',
      finished,
    ].join('')
  }
}

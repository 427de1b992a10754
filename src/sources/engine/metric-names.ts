export interface EngineMetric {
  /** Name of the track. */
  track: string
  unit: string
  /** `total`: only grows while the server runs, and is kept as the server tells it. */
  kind: 'gauge' | 'total'
}

const gauge = (track: string, unit = '1'): EngineMetric => ({ track, unit, kind: 'gauge' })
const total = (track: string, unit = '1'): EngineMetric => ({ track, unit, kind: 'total' })

/** Histograms of which sum and count are kept. */
const HISTOGRAMS: readonly [name: string, unit: string][] = [
  ['time_to_first_token_seconds', 's'],
  ['inter_token_latency_seconds', 's'],
  ['e2e_request_latency_seconds', 's'],
  ['request_queue_time_seconds', 's'],
  ['request_prefill_time_seconds', 's'],
  ['request_decode_time_seconds', 's'],
  ['iteration_tokens_total', 'tokens'],
]

/** What servers call their figures, and what we do. Names that vLLM has retired are still those of older servers. */
export const ENGINE_METRICS: ReadonlyMap<string, EngineMetric> = new Map([
  ['vllm:num_requests_running', gauge('num_requests_running')],
  ['vllm:num_requests_waiting', gauge('num_requests_waiting')],
  ['vllm:num_requests_swapped', gauge('num_requests_swapped')],
  ['vllm:kv_cache_usage_perc', gauge('kv_cache_usage_ratio', 'ratio')],
  ['vllm:gpu_cache_usage_perc', gauge('kv_cache_usage_ratio', 'ratio')],
  ['vllm:prompt_tokens_total', total('prompt_tokens_total', 'tokens')],
  ['vllm:generation_tokens_total', total('generation_tokens_total', 'tokens')],
  ['vllm:prompt_tokens_cached_total', total('prompt_tokens_cached_total', 'tokens')],
  ['vllm:prefix_cache_queries_total', total('prefix_cache_queries_total', 'tokens')],
  ['vllm:prefix_cache_hits_total', total('prefix_cache_hits_total', 'tokens')],
  ['vllm:gpu_prefix_cache_queries_total', total('prefix_cache_queries_total', 'tokens')],
  ['vllm:gpu_prefix_cache_hits_total', total('prefix_cache_hits_total', 'tokens')],
  ['vllm:num_preemptions_total', total('num_preemptions_total')],
  ['vllm:request_success_total', total('request_success_total')],
  ...HISTOGRAMS.flatMap(([name, unit]): [string, EngineMetric][] => [
    [`vllm:${name}_sum`, total(`${name}_sum`, unit)],
    [`vllm:${name}_count`, total(`${name}_count`)],
  ]),
  ['sglang:num_running_reqs', gauge('num_requests_running')],
  ['sglang:num_queue_reqs', gauge('num_requests_waiting')],
  ['sglang:token_usage', gauge('kv_cache_usage_ratio', 'ratio')],
  ['sglang:prompt_tokens_total', total('prompt_tokens_total', 'tokens')],
  ['sglang:generation_tokens_total', total('generation_tokens_total', 'tokens')],
  ['llamacpp:requests_processing', gauge('num_requests_running')],
  ['llamacpp:requests_deferred', gauge('num_requests_waiting')],
  ['llamacpp:kv_cache_usage_ratio', gauge('kv_cache_usage_ratio', 'ratio')],
  ['llamacpp:prompt_tokens_total', total('prompt_tokens_total', 'tokens')],
  ['llamacpp:tokens_predicted_total', total('generation_tokens_total', 'tokens')],
])

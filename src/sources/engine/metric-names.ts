export interface EngineMetric {
  /** Name of the track. */
  track: string
  unit: string
  /** `total`: only grows while the server runs, and is recorded as the server reports it. */
  kind: 'gauge' | 'total'
  /** Of two names of one figure on one page the lower is used: servers keep retired names beside the new ones. */
  preference: number
}

type Figure = Omit<EngineMetric, 'preference'>

const gauge = (track: string, unit = '1'): Figure => ({ track, unit, kind: 'gauge' })
const total = (track: string, unit = '1'): Figure => ({ track, unit, kind: 'total' })

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

function histogram(name: string, track: string, unit: string): [string, Figure][] {
  return [
    [`${name}_sum`, total(`${track}_sum`, unit)],
    [`${name}_count`, total(`${track}_count`)],
  ]
}

const RUNNING = gauge('num_requests_running')
const WAITING = gauge('num_requests_waiting')
const KV_CACHE = gauge('kv_cache_usage_ratio', 'ratio')
const PROMPT_TOKENS = total('prompt_tokens_total', 'tokens')
const GENERATION_TOKENS = total('generation_tokens_total', 'tokens')
const CACHED_TOKENS = total('prompt_tokens_cached_total', 'tokens')
const QUERIES = total('prefix_cache_queries_total', 'tokens')
const HITS = total('prefix_cache_hits_total', 'tokens')
const HIT_RATIO = gauge('prefix_cache_hit_ratio', 'ratio')
const PREEMPTIONS = total('num_preemptions_total')
const SUCCESSES = total('request_success_total')

/** An engine's page of metrics. */
interface EnginePage {
  /** The engine, and how its names begin, for errors. */
  readonly says: string
  /** Its names without their prefix, the newest name of a figure first. */
  readonly names: readonly [string, Figure][]
}

/** By the prefix of an engine's names. */
const ENGINES = {
  vllm: {
    says: 'vLLM (vllm:…)',
    names: [
      ['num_requests_running', RUNNING],
      ['num_requests_waiting', WAITING],
      ['num_requests_swapped', gauge('num_requests_swapped')],
      ['kv_cache_usage_perc', KV_CACHE],
      ['gpu_cache_usage_perc', KV_CACHE],
      ['prompt_tokens_total', PROMPT_TOKENS],
      ['generation_tokens_total', GENERATION_TOKENS],
      ['prompt_tokens_cached_total', CACHED_TOKENS],
      ['prefix_cache_queries_total', QUERIES],
      ['gpu_prefix_cache_queries_total', QUERIES],
      ['prefix_cache_hits_total', HITS],
      ['gpu_prefix_cache_hits_total', HITS],
      ['num_preemptions_total', PREEMPTIONS],
      ['request_success_total', SUCCESSES],
      ...HISTOGRAMS.flatMap(([name, unit]) => histogram(name, name, unit)),
      ...histogram('time_per_output_token_seconds', 'inter_token_latency_seconds', 's'),
    ],
  },
  sglang: {
    says: 'SGLang (sglang:…)',
    names: [
      ['num_running_reqs', RUNNING],
      ['num_queue_reqs', WAITING],
      ['token_usage', KV_CACHE],
      ['prompt_tokens_total', PROMPT_TOKENS],
      ['generation_tokens_total', GENERATION_TOKENS],
      ['cached_tokens_total', CACHED_TOKENS],
      ['cache_hit_rate', HIT_RATIO],
      // Of the last batch only: no count of preemptions.
      ['num_retracted_reqs', gauge('num_retracted_reqs')],
      ['num_retracted_requests_total', PREEMPTIONS],
      ['num_retracted_reqs_total', PREEMPTIONS],
      ['num_requests_total', SUCCESSES],
      ...histogram('time_to_first_token_seconds', 'time_to_first_token_seconds', 's'),
      ...histogram('inter_token_latency_seconds', 'inter_token_latency_seconds', 's'),
      ...histogram('time_per_output_token_seconds', 'inter_token_latency_seconds', 's'),
      ...histogram('e2e_request_latency_seconds', 'e2e_request_latency_seconds', 's'),
      ...histogram('queue_time_seconds', 'request_queue_time_seconds', 's'),
    ],
  },
  llamacpp: {
    says: 'llama.cpp (llamacpp:…)',
    names: [
      ['requests_processing', RUNNING],
      ['requests_deferred', WAITING],
      ['kv_cache_usage_ratio', KV_CACHE],
      ['prompt_tokens_total', PROMPT_TOKENS],
      ['tokens_predicted_total', GENERATION_TOKENS],
    ],
  },
  trtllm: {
    says: 'TensorRT-LLM (trtllm_…, or no prefix)',
    names: [
      ['num_requests_running', RUNNING],
      ['num_requests_waiting', WAITING],
      ['kv_cache_utilization', KV_CACHE],
      ['kv_cache_hit_rate', HIT_RATIO],
      ['prompt_tokens_total', PROMPT_TOKENS],
      ['generation_tokens_total', GENERATION_TOKENS],
      ['request_success_total', SUCCESSES],
      ...histogram('time_to_first_token_seconds', 'time_to_first_token_seconds', 's'),
      ...histogram('time_per_output_token_seconds', 'inter_token_latency_seconds', 's'),
      ...histogram('e2e_request_latency_seconds', 'e2e_request_latency_seconds', 's'),
      ...histogram('request_queue_time_seconds', 'request_queue_time_seconds', 's'),
    ],
  },
  // TGI counts tokens in histograms of requests, and has no suffix at its counters.
  tgi: {
    says: 'TGI (tgi_…)',
    names: [
      ['batch_current_size', RUNNING],
      ['queue_size', WAITING],
      ['request_input_length_sum', PROMPT_TOKENS],
      ['request_generated_tokens_sum', GENERATION_TOKENS],
      ['request_success', SUCCESSES],
      ...histogram('request_duration', 'e2e_request_latency_seconds', 's'),
      ...histogram('request_queue_duration', 'request_queue_time_seconds', 's'),
      ...histogram('request_mean_time_per_token_duration', 'inter_token_latency_seconds', 's'),
    ],
  },
} as const satisfies Record<string, EnginePage>

const TABLES = new Map(
  Object.entries<EnginePage>(ENGINES).map(([engine, { names }]) => [
    engine,
    new Map(names.map(([name, figure], preference): [string, EngineMetric] => [name, { ...figure, preference }])),
  ]),
)

/** Engines whose names are known, for errors. */
export const KNOWN_ENGINES = `${Object.values(ENGINES)
  .map(({ says }) => says)
  .join(', ')}, each also behind a prefix as ray_`

/** `vllm:x`, `vllm_x`, and either behind the prefix of who exports it: `ray_vllm_x`. */
const PREFIXED = new RegExp(`^((?:[a-z0-9]+_)*?)(${Object.keys(ENGINES).join('|')})[:_](.+)$`, 'i')

/** The meaning of a name on a server's page; null for a name that no known engine has. */
export function engineMetric(name: string): EngineMetric | null {
  const [, exporter, engine, rest = ''] = PREFIXED.exec(name) ?? []
  if (engine !== undefined) {
    const table = TABLES.get(engine.toLowerCase())
    return table?.get(rest) ?? (exporter === '' ? null : withoutSuffix(table, rest))
  }
  // trtllm-serve and NIM, which is vLLM or TensorRT-LLM, use no prefix.
  return TABLES.get('trtllm')?.get(name) ?? TABLES.get('vllm')?.get(name) ?? null
}

/** Whether a name is an engine's own, known or not. */
export function isEngineName(name: string): boolean {
  return PREFIXED.test(name)
}

/** Ray exports a counter twice, once without the suffix. */
function withoutSuffix(table: ReadonlyMap<string, EngineMetric> | undefined, name: string): EngineMetric | null {
  const suffixed = table?.get(`${name}_total`)
  return suffixed?.kind === 'total' ? { ...suffixed, preference: suffixed.preference + 1000 } : null
}

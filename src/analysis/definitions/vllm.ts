import { BEGIN_NS } from '../populations.ts'
import type { DefinitionSet } from './definition-set.ts'
import { CHOICE_GAPS, RAW_REQUESTS, spanSeconds } from './raw-requests.ts'

/** benchmarks/lib/endpoint_request_func.py: perf_counter before session.post, then at each event with choices. */
const TTFT = 'first_choice_ns - begin_ns'
const LATENCY = 'last_choice_ns - begin_ns'

const each = (value: string) => `SELECT ${value} AS value FROM ${RAW_REQUESTS}`
/** benchmark_duration: from the first request to the end of the last. */
const DURATION = spanSeconds(BEGIN_NS)

/** `vllm bench serve` 0.32, benchmarks/serve.py: calculate_metrics. */
export const vllm: DefinitionSet = {
  id: 'vllm',
  tool: 'vllm bench serve 0.32',
  percentiles: 'interpolated',
  values: [
    {
      name: 'ttft_ms',
      unit: 'ms',
      formula: 'first event with choices (the role alone counts) - before the connection',
      sql: each(`(${TTFT}) / 1e6`),
    },
    {
      name: 'tpot_ms',
      unit: 'ms',
      formula: '(e2el - ttft) / (output tokens - 1), from 2 tokens on',
      sql: each(`CASE WHEN output_tokens > 1 THEN ((${LATENCY}) - (${TTFT})) / (output_tokens - 1) / 1e6 END`),
    },
    {
      name: 'itl_ms',
      unit: 'ms',
      formula: 'each gap between events with choices, pooled',
      sql: `SELECT gap_ns / 1e6 AS value FROM ${CHOICE_GAPS}`,
    },
    {
      name: 'e2el_ms',
      unit: 'ms',
      formula: 'last event with choices - before the connection',
      sql: each(`(${LATENCY}) / 1e6`),
    },
  ],
  rates: [
    {
      name: 'request_throughput',
      unit: 'requests/s',
      formula: 'completed / duration',
      sql: `SELECT count(*) / ${DURATION} FROM ${RAW_REQUESTS}`,
    },
    {
      name: 'output_throughput',
      unit: 'tokens/s',
      formula: 'output tokens / duration',
      sql: `SELECT sum(output_tokens) / ${DURATION} FROM ${RAW_REQUESTS}`,
    },
    {
      name: 'total_token_throughput',
      unit: 'tokens/s',
      formula: '(input + output tokens) / duration',
      sql: `SELECT sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) / ${DURATION} FROM ${RAW_REQUESTS}`,
    },
  ],
}

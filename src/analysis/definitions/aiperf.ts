import { BEGIN_NS, GAPS } from '../populations.ts'
import type { DefinitionSet } from './definition-set.ts'
import { RAW_REQUESTS, spanSeconds } from './raw-requests.ts'

const TTFT = 'first_token_ns - begin_ns'
/** Up to the last response with content: neither usage nor the end of the stream. */
const LATENCY = 'last_token_ns - begin_ns'
/** inter_token_latency_metric.py: falls back to 1 if the first chunk's count is missing or does not fit. */
const DECODE_TOKENS =
  'CASE WHEN first_tokens > 0 AND output_tokens - first_tokens >= 1 THEN output_tokens - first_tokens ELSE output_tokens::BIGINT - 1 END'
const ITL = `CASE WHEN output_tokens >= 2 THEN ((${LATENCY}) - (${TTFT})) / (${DECODE_TOKENS}) END`
/** Rates are over the phase (metric_dicts.py: observation_duration), which is not benchmark_duration_metric.py's. */
const DURATION = spanSeconds(`least(scheduled_ns, ${BEGIN_NS})`)

const each = (value: string) => `SELECT ${value} AS value FROM ${RAW_REQUESTS}`

/** AIPerf 0.13.0, metrics/types; percentiles of metrics/metric_dicts.py: metric_result_from_array. */
export const aiperf: DefinitionSet = {
  id: 'aiperf',
  tool: 'AIPerf 0.13.0',
  percentiles: 'interpolated',
  values: [
    {
      name: 'time_to_first_token',
      unit: 'ms',
      formula: 'first response with content or reasoning - request start, before the connection',
      sql: each(`(${TTFT}) / 1e6`),
    },
    {
      name: 'time_to_second_token',
      unit: 'ms',
      formula: 'second response with content - first',
      sql: each('(second_token_ns - first_token_ns) / 1e6'),
    },
    {
      name: 'time_to_first_output_token',
      unit: 'ms',
      formula: 'first response that is not reasoning - request start',
      sql: each('(first_answer_ns - begin_ns) / 1e6'),
    },
    {
      name: 'request_latency',
      unit: 'ms',
      formula: 'last response with content - request start',
      sql: each(`(${LATENCY}) / 1e6`),
    },
    {
      name: 'inter_token_latency',
      unit: 'ms',
      formula: '(request latency - TTFT) / (output tokens - tokens of the first response, 1 where not reported)',
      sql: each(`${ITL} / 1e6`),
    },
    {
      name: 'inter_chunk_latency',
      unit: 'ms',
      formula: 'each gap between responses with content, pooled',
      sql: `SELECT gap_ns / 1e6 AS value FROM ${GAPS}`,
    },
    {
      name: 'output_token_throughput_per_user',
      unit: 'tokens/s',
      formula: '1 / inter token latency',
      sql: each(`1e9 / nullif(${ITL}, 0)`),
    },
  ],
  rates: [
    {
      name: 'benchmark_duration',
      unit: 's',
      formula: 'last response with content - first request start, of valid requests',
      sql: `SELECT (max(last_token_ns) - min(begin_ns)) / 1e9 FROM ${RAW_REQUESTS} WHERE first_token_ns IS NOT NULL`,
    },
    {
      name: 'request_throughput',
      unit: 'requests/s',
      formula: 'valid requests / duration of the phase',
      sql: `SELECT count(*) / ${DURATION} FROM ${RAW_REQUESTS} WHERE first_token_ns IS NOT NULL`,
    },
    {
      name: 'output_token_throughput',
      unit: 'tokens/s',
      formula: 'output tokens / duration of the phase',
      sql: `SELECT sum(output_tokens) / ${DURATION} FROM ${RAW_REQUESTS} WHERE first_token_ns IS NOT NULL`,
    },
    {
      name: 'total_token_throughput',
      unit: 'tokens/s',
      formula: '(input + output tokens) / duration of the phase',
      sql: `SELECT sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) / ${DURATION} FROM ${RAW_REQUESTS} WHERE first_token_ns IS NOT NULL`,
    },
  ],
}

import type { DefinitionSet } from './definition-set.ts'
import { RAW_REQUESTS, spanSeconds } from './raw-requests.ts'

const each = (value: string, weight = '1') => `SELECT ${value} AS value, ${weight} AS weight FROM ${RAW_REQUESTS}`
const DURATION = spanSeconds('sent_ns')

/**
 * GuideLLM 0.8.1, schemas/base/request_stats.py; weights of benchmark/schemas/metrics.py: GenerativeMetrics.compile, and
 * percentiles of schemas/base/statistics.py. Its request starts when the head is about to be written, so as ours when sent.
 */
export const guidellm: DefinitionSet = {
  id: 'guidellm',
  tool: 'GuideLLM 0.8.1',
  percentiles: 'order',
  values: [
    {
      name: 'request_latency',
      unit: 's',
      formula: 'end of the stream - request start',
      sql: each('(end_ns - sent_ns) / 1e9'),
    },
    {
      name: 'time_to_first_token_ms',
      unit: 'ms',
      formula: 'first token, reasoning or not - request start',
      sql: each('(first_token_ns - sent_ns) / 1e6'),
    },
    {
      name: 'time_to_first_output_token_ms',
      unit: 'ms',
      formula: 'first token that is not reasoning - request start',
      sql: each('(first_answer_ns - sent_ns) / 1e6'),
    },
    {
      name: 'inter_token_latency_ms',
      unit: 'ms',
      formula: '(last token - first token) / (output tokens - 1) of each request, weighed by output tokens - 1',
      sql: each(
        'CASE WHEN output_tokens > 1 THEN (last_token_ns - first_token_ns) / (output_tokens - 1) / 1e6 END',
        'output_tokens::BIGINT - 1',
      ),
      weighted: true,
    },
    {
      name: 'time_per_output_token_ms',
      unit: 'ms',
      formula: '(last token - request start) / output tokens of each request, weighed by output tokens',
      sql: each(
        'CASE WHEN output_tokens > 0 THEN (coalesce(last_token_ns, end_ns) - sent_ns) / output_tokens / 1e6 END',
        'output_tokens',
      ),
      weighted: true,
    },
    {
      name: 'output_tokens_per_second of a request',
      unit: 'tokens/s',
      formula: 'output tokens / request latency',
      sql: each('output_tokens / nullif((end_ns - sent_ns) / 1e9, 0)'),
    },
  ],
  rates: [
    {
      name: 'requests_per_second',
      unit: 'requests/s',
      formula: 'successful requests / (last request end - first request start)',
      sql: `SELECT count(*) / ${DURATION} FROM ${RAW_REQUESTS}`,
    },
    {
      name: 'output_tokens_per_second',
      unit: 'tokens/s',
      formula: 'output tokens / (last request end - first request start)',
      sql: `SELECT sum(output_tokens) / ${DURATION} FROM ${RAW_REQUESTS}`,
    },
  ],
}

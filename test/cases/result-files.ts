/** Results of load tools with the oddities that real ones have. */

type Row = Record<string, unknown>

/** A line of AIPerf's profile_export.jsonl. */
function aiperfLine(i: number, metadata: Row, metrics: unknown, error: unknown = null): Row {
  const at = 1_759_813_207_530_900_363n + BigInt(i) * 1_000_000_000n
  return {
    metadata: {
      session_num: i,
      conversation_id: `c${i}`,
      turn_index: 0,
      credit_issued_ns: `@${at}`,
      request_start_ns: `@${at + 2_000_000n}`,
      request_ack_ns: null,
      request_end_ns: `@${at + 94_000_000n}`,
      benchmark_phase: 'profiling',
      was_cancelled: false,
      ...metadata,
    },
    metrics,
    error,
  }
}

const ms = (value: unknown) => ({ value, unit: 'ms' })
const tokens = (value: number) => ({ value, unit: 'tokens' })
const GOOD = {
  input_sequence_length: tokens(11),
  output_sequence_length: tokens(8),
  time_to_first_token: ms(40),
  request_latency: ms(90),
}

/** Answered, failed without metrics, cancelled, failed with none, and answered without a credit or gaps. */
export function aiperfLines(): string[] {
  const lines = [
    aiperfLine(0, {}, { ...GOOD, inter_chunk_latency: ms([7, 7, 7, 7, 7, 7, 8]) }),
    aiperfLine(1, {}, null, { code: null, type: 'ClientConnectorError', message: 'Cannot connect to host' }),
    aiperfLine(2, { was_cancelled: true }, null, { code: 499, type: 'RequestCancellationError', message: 'cancelled' }),
    aiperfLine(3, {}, {}, { code: 500, type: 'Internal Server Error', message: 'boom' }),
    aiperfLine(4, { credit_issued_ns: undefined }, GOOD),
  ]
  return lines.map((line) => JSON.stringify(line).replaceAll(/"@(\d+)"/g, '$1'))
}

/** GuideLLM 0.3's report: no version, `args` and `run_stats`, other names of times. */
export function guidellm03(): string {
  return JSON.stringify({
    benchmarks: [
      {
        type_: 'generative_benchmark',
        args: { profile: { type_: 'synchronous' }, strategy: { type_: 'synchronous' } },
        run_stats: { start_time: 1_757_000_000, end_time: 1_757_000_001 },
        requests: {
          successful: [
            {
              request_id: 'q0',
              scheduler_info: { requested: true },
              start_time: 1_757_000_000.1,
              first_token_time: 1_757_000_000.2,
              last_token_time: 1_757_000_000.3,
            },
          ],
        },
      },
    ],
  })
}

/** GuideLLM's report of a version, with so many requests. */
export function guidellm(version: string, requests: number, more: Row = {}): string {
  return JSON.stringify({
    metadata: { version: 2, guidellm_version: version },
    benchmarks: [
      {
        type_: 'generative_benchmark',
        config: { strategy: { type_: 'concurrent' }, backend: { target: 'http://mock', model: 'mock' } },
        start_time: 1_790_000_000,
        end_time: 1_790_000_001,
        requests: {
          successful: Array.from({ length: requests }, (_, i) => ({
            request_id: `q${i}`,
            info: {
              timings: {
                request_start: 1_790_000_000 + i / 10,
                first_token_iteration: 1_790_000_000.04 + i / 10,
                last_token_iteration: 1_790_000_000.09 + i / 10,
                request_end: 1_790_000_000.09 + i / 10,
              },
            },
            prompt_tokens: 8,
            output_tokens: 5,
          })),
          errored: [],
          incomplete: null,
        },
        ...more,
      },
    ],
  })
}

/** Detailed results of `vllm bench serve`: seven answers and a failure. */
export function vllmResult(more: Row): Row {
  const all = <T>(good: T, bad: T): T[] => [...Array.from({ length: 7 }, () => good), bad]
  return {
    date: '20250915-101500',
    endpoint_type: 'openai-chat',
    model_id: 'mock',
    tokenizer_id: 'mock',
    num_prompts: 8,
    request_rate: 4,
    burstiness: 1,
    duration: 2.1,
    completed: 7,
    'request_goodput:': null,
    input_lens: all(8, 8),
    output_lens: all(12, 0),
    ttfts: all(0.03, 0),
    itls: all(
      Array.from({ length: 11 }, () => 0.005),
      [],
    ),
    generated_texts: all('x', ''),
    errors: all('', 'Bad Gateway'),
    start_times: Array.from({ length: 8 }, (_, i) => 100 + i / 4),
    ...more,
  }
}

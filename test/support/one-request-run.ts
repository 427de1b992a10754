import type { RunReader, SqlValue } from '../../src/store/read/run-reader.ts'
import { memoryRun } from './memory-run.ts'

const ms = 1e6
const NAMES = [
  'prefill',
  'decode',
  'mixed',
  'chunked prefill',
  'gemm',
  'softmax',
  'execute_context_1(6)_generation_1(1)',
  'preempted',
  'llm_request',
  'queue',
]
const named = (text: string) => NAMES.indexOf(text)

/**
 * Request 3 is prefilled in two pieces, the second beside another client's decode, then decodes alone. The second step
 * was profiled: two kernels, the later launched only when the first had ended. Its server reports by OTLP how long its
 * parts were.
 */
const SLICES: Record<string, SqlValue>[] = [
  { slice_id: 1, name_id: named('prefill'), category: 'step', t_ns: 30 * ms, dur_ns: 10 * ms, tokens: 4 },
  {
    slice_id: 2,
    name_id: named('mixed'),
    category: 'step',
    t_ns: 45 * ms,
    dur_ns: 20 * ms,
    tokens: 8,
    args: '{"requests":2}',
  },
  { slice_id: 3, name_id: named('decode'), category: 'step', t_ns: 80 * ms, dur_ns: 5 * ms, tokens: 1 },
  {
    slice_id: 11,
    name_id: named('chunked prefill'),
    category: 'scheduled',
    step_id: 1,
    request_id: 3,
    t_ns: 30 * ms,
    dur_ns: 10 * ms,
    tokens: 4,
  },
  {
    slice_id: 12,
    name_id: named('prefill'),
    category: 'scheduled',
    step_id: 2,
    request_id: 3,
    t_ns: 45 * ms,
    dur_ns: 20 * ms,
    tokens: 6,
  },
  {
    slice_id: 13,
    name_id: named('decode'),
    category: 'scheduled',
    step_id: 3,
    request_id: 3,
    t_ns: 80 * ms,
    dur_ns: 5 * ms,
    tokens: 1,
  },
  { slice_id: 19, name_id: named('preempted'), category: 'preemption', request_id: 3, t_ns: 70 * ms, dur_ns: 0 },
  {
    slice_id: 20,
    name_id: named('execute_context_1(6)_generation_1(1)'),
    category: 'user_annotation',
    step_id: 20,
    t_ns: 46 * ms,
    dur_ns: 15 * ms,
    tokens: 7,
    track_id: 2,
  },
  ...[
    { slice_id: 40, name_id: named('queue'), t_ns: 14 * ms, dur_ns: 15 * ms },
    { slice_id: 41, name_id: named('llm_request'), t_ns: 13 * ms, dur_ns: 75 * ms, tokens: 2 },
    { slice_id: 42, name_id: named('prefill'), t_ns: 29 * ms, dur_ns: 36 * ms },
    { slice_id: 43, name_id: named('decode'), t_ns: 65 * ms, dur_ns: 22 * ms },
  ].map((span): Record<string, SqlValue> => ({ category: 'otlp', request_id: 3, tokens: null, ...span })),
  { slice_id: 44, name_id: named('llm_request'), category: 'otlp', request_id: 2, t_ns: 13 * ms, dur_ns: 20 * ms },
  { slice_id: 21, category: 'cuda_runtime', t_ns: 46 * ms, dur_ns: 0.1 * ms, correlation: 1 },
  { slice_id: 22, category: 'cuda_runtime', t_ns: 54 * ms, dur_ns: 0.1 * ms, correlation: 2 },
  {
    slice_id: 31,
    name_id: named('gemm'),
    category: 'kernel',
    step_id: 20,
    stream: 7,
    t_ns: 48 * ms,
    dur_ns: 4 * ms,
    correlation: 1,
  },
  {
    slice_id: 32,
    name_id: named('softmax'),
    category: 'kernel',
    step_id: 20,
    stream: 7,
    t_ns: 55 * ms,
    dur_ns: 6 * ms,
    correlation: 2,
  },
]
const link = (more: object) => ({ src_kind: 'slice', dst_kind: 'slice', share: 1, confidence: 'measured', ...more })
const chunk = (index: number, t: number) => ({ request_id: 3, index, t_ns: t * ms, tokens: 1, kind: 'content' })

/** That run. */
export function oneRequestRun(): Promise<RunReader> {
  return memoryRun({
    requests: [
      {
        ...{
          request_id: 3,
          prompt_id: 'sea\u001b[2J',
          status: 'ok',
          scheduled_ns: 10 * ms,
          sent_ns: 12 * ms,
          input_tokens: 10,
          output_tokens: 2,
        },
        ...{ first_token_ns: 67 * ms, last_token_ns: 88 * ms, end_ns: 89 * ms },
      },
    ],
    chunks: [chunk(0, 67), chunk(1, 88)],
    slices: SLICES,
    strings: NAMES.map((text, id) => ({ id, text })),
    tracks: [{ track_id: 2, layer: 'engine', name: 'engine_steps', clock: 'unix' }],
    links: [
      link({ src_kind: 'chunk', src_id: 3, src_index: 0, dst_id: 2, kind: 'token of step' }),
      link({ src_kind: 'chunk', src_id: 3, src_index: 1, dst_id: 3, kind: 'token of step' }),
      link({ src_id: 2, dst_id: 20, kind: 'profile of step' }),
      link({ src_id: 21, dst_id: 31, kind: 'launch' }),
      link({ src_id: 22, dst_id: 32, kind: 'launch' }),
    ],
  })
}

import type { TraceFormat } from './trace-format.ts'

/** A run of our own: what was offered when, and how many tokens it took. */
export const run: TraceFormat = {
  id: 'run',
  about: "a run's folder: the times its requests were due, and their tokens",
  detect: (head) => head.kind === 'run',
  read: () => ({
    columns: { ts: 'scheduled_ns', in: 'input_tokens', out: 'output_tokens', session: 'session_id', turn: 'turn' },
    unit: 'ns',
    unitBecause: 'the format says so',
    blockTokens: null,
    zeroOutputFailed: false,
  }),
}

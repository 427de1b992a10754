import { hasColumns, needColumn } from './columns.ts'
import type { TraceFormat } from './trace-format.ts'

/** Mooncake's traces: milliseconds, and the prompt's blocks of 512 tokens by their hashes; AIPerf's and Dynamo's kind has conversations, too. */
export const mooncake: TraceFormat = {
  id: 'mooncake',
  about: 'Mooncake JSONL: timestamp (ms), input_length, output_length, hash_ids of blocks of 512 tokens, session_id',
  detect: (head) =>
    head.kind === 'jsonl' &&
    hasColumns(head, 'timestamp', 'input_length', 'output_length') &&
    !hasColumns(head, 'chat_id'),
  read(head, { timeUnit }) {
    const blocks = hasColumns(head, 'hash_ids') ? { blocks: 'hash_ids' } : {}
    return {
      columns: {
        ts: needColumn(head, 'timestamp', 'mooncake'),
        in: needColumn(head, 'input_length', 'mooncake'),
        out: needColumn(head, 'output_length', 'mooncake'),
        ...(hasColumns(head, 'session_id') ? { session: 'session_id' } : {}),
      },
      outputOptional: true,
      unit: timeUnit ?? 'ms',
      unitBecause: timeUnit === undefined ? 'the format says so' : '--time-unit',
      ...blocks,
      blockTokens: 512,
      zeroOutputFailed: false,
    }
  },
}

import { hasColumns, needColumn } from './columns.ts'
import type { TraceFormat } from './trace-format.ts'

/** The Qwen traces of Alibaba Bailian: seconds, conversations by parent, blocks of 16 tokens; inputs hold the turns before. */
export const qwen: TraceFormat = {
  id: 'qwen',
  about:
    'Qwen/Bailian JSONL: chat_id, parent_chat_id, timestamp (s), input_length, output_length, hash_ids of 16 tokens',
  detect: (head) =>
    head.kind === 'jsonl' &&
    hasColumns(head, 'chat_id', 'parent_chat_id', 'timestamp', 'input_length', 'output_length'),
  read(head, { timeUnit }) {
    const blocks = hasColumns(head, 'hash_ids') ? { blocks: 'hash_ids' } : {}
    return {
      columns: {
        ts: needColumn(head, 'timestamp', 'qwen'),
        in: needColumn(head, 'input_length', 'qwen'),
        out: needColumn(head, 'output_length', 'qwen'),
        session: needColumn(head, 'chat_id', 'qwen'),
        ...(hasColumns(head, 'turn') ? { turn: 'turn' } : {}),
      },
      parent: needColumn(head, 'parent_chat_id', 'qwen'),
      unit: timeUnit ?? 's',
      unitBecause: timeUnit === undefined ? 'the format says so' : '--time-unit',
      ...blocks,
      blockTokens: 16,
      zeroOutputFailed: false,
    }
  },
}

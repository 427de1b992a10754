import { columnOf, hasColumns, needColumn } from './columns.ts'
import type { TraceFormat } from './trace-format.ts'

/** BurstGPT, version 1 and, with sessions, version 2. A response of 0 tokens is a failure. */
export const burstgpt: TraceFormat = {
  id: 'burstgpt',
  about: 'BurstGPT v1 and v2: Timestamp, Request tokens, Response tokens and, in v2, Session ID',
  detect: (head) => head.kind === 'csv' && hasColumns(head, 'Timestamp', 'Request tokens', 'Response tokens'),
  read(head, { timeUnit }) {
    const session = columnOf(head, 'Session ID')
    return {
      columns: {
        ts: needColumn(head, 'Timestamp', 'burstgpt'),
        in: needColumn(head, 'Request tokens', 'burstgpt'),
        out: needColumn(head, 'Response tokens', 'burstgpt'),
        ...(session === undefined ? {} : { session }),
      },
      unit: timeUnit ?? 's',
      unitBecause: timeUnit === undefined ? 'the format says so' : '--time-unit',
      blockTokens: null,
      zeroOutputFailed: true,
    }
  },
}

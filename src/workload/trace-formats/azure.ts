import { columnOf, hasColumns, needColumn } from './columns.ts'
import type { TraceFormat } from './trace-format.ts'

/** Azure's public traces: 2023 (seven digits after the point), 2024 (`+00:00`, fractions mixed), 2025 with images. */
export const azure: TraceFormat = {
  id: 'azure',
  about: 'Azure LLM inference traces of 2023, 2024 and 2025: TIMESTAMP, ContextTokens, GeneratedTokens',
  detect: (head) => head.kind === 'csv' && hasColumns(head, 'TIMESTAMP', 'ContextTokens', 'GeneratedTokens'),
  read(head) {
    const images = columnOf(head, 'NumImages')
    return {
      columns: {
        ts: needColumn(head, 'TIMESTAMP', 'azure'),
        in: needColumn(head, 'ContextTokens', 'azure'),
        out: needColumn(head, 'GeneratedTokens', 'azure'),
      },
      unit: 'iso',
      unitBecause: 'the format says so; without a zone it is UTC',
      ...(images === undefined ? {} : { images }),
      blockTokens: null,
      zeroOutputFailed: false,
    }
  },
}

import { LayerlineError } from '../../base/errors.ts'
import { azure } from './azure.ts'
import { burstgpt } from './burstgpt.ts'
import { mooncake } from './mooncake.ts'
import { qwen } from './qwen.ts'
import { run } from './run.ts'
import { table } from './table.ts'
import type { FormatOptions, TraceFormat, TraceHead } from './trace-format.ts'

/** Every format that is read, by its id. */
export const TRACE_FORMATS = { azure, burstgpt, mooncake, qwen, table, run } as const satisfies Record<
  string,
  TraceFormat
>
export type TraceFormatId = keyof typeof TRACE_FORMATS

/** The format of a file: as asked for, else by its columns. A map of columns makes it a table. */
export function formatOf(head: TraceHead, asked: TraceFormatId | 'auto', options: FormatOptions): TraceFormat {
  if (options.map !== undefined && asked !== 'auto' && asked !== 'table') {
    throw new LayerlineError('usage/trace-format', `--map with --format ${asked}: only a table's columns are mapped`)
  }
  if (head.kind === 'run') {
    if (asked === 'auto' || asked === 'run') return run
    throw new LayerlineError('usage/trace-format', `${head.path}: a run's folder, not a file of --format ${asked}`)
  }
  if (asked === 'run') {
    throw new LayerlineError('usage/trace-format', `${head.path}: --format run expects a run's folder`)
  }
  if (asked !== 'auto') return TRACE_FORMATS[asked]
  if (options.map !== undefined) return table
  const found = Object.values(TRACE_FORMATS).find((format) => format.detect(head))
  if (found !== undefined) return found
  if (['ts', 'in', 'out'].every((name) => head.columns.includes(name))) return table
  throw new LayerlineError(
    'input/trace-format',
    `${head.path}: no known trace format has the columns ${head.columns
      .slice(0, 20)
      .map((column) => `\`${column.slice(0, 40)}\``)
      .join(', ')}; expected those of ${Object.keys(TRACE_FORMATS).join(', ')}`,
    { hint: '--map ts=COLUMN,in=COLUMN,out=COLUMN names the columns of any table' },
  )
}

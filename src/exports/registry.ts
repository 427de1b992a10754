import { chrome } from './chrome/chrome.ts'
import type { ExportFormat } from './export-options.ts'
import { parquet } from './parquet.ts'
import { perfetto } from './perfetto/perfetto.ts'
import { tracerCsv } from './tracer/tracer-csv.ts'
import { vllmBench } from './vllm-bench/vllm-bench.ts'

/** What a run can be written as, by the name that `--to` takes. */
export const EXPORTS = {
  parquet,
  perfetto,
  chrome,
  'tracer-csv': tracerCsv,
  'vllm-bench': vllmBench,
} as const satisfies Record<string, ExportFormat>

import type { ExportFormat } from './export-options.ts'

/** What a run can be written as, by the name that `--to` takes. What writes it is loaded when it is asked for. */
export const EXPORTS = {
  parquet: {
    about: 'a folder with one file per table, with the strings joined in',
    options: [],
    write: async (folder, out) => (await import('./parquet.ts')).writeTables(folder, out),
  },
  perfetto: {
    about: 'one protobuf file for ui.perfetto.dev: requests on lanes with their tokens, counters, slices, flows',
    options: ['fromNs', 'toNs', 'layers'],
    write: async (...asked) => (await import('./perfetto/perfetto.ts')).writePerfetto(...asked),
  },
  chrome: {
    about: 'one JSON file of trace events for chrome://tracing, Perfetto and speedscope',
    options: ['fromNs', 'toNs', 'layers'],
    write: async (...asked) => (await import('./chrome/chrome.ts')).writeChrome(...asked),
  },
  'tracer-csv': {
    about:
      "the Tracer's trace_<time>.csv, one line per GPU sample with its heaviest request; --split size: one file per prompt size; --vision: prefill_<gpu>.csv and decode_<gpu>.csv; --tables: raw_* and filtered_* result tables",
    options: ['fromNs', 'toNs', 'split', 'vision', 'tables'],
    write: async (...asked) => (await import('./tracer/tracer-csv.ts')).writeTracerCsv(...asked),
  },
  'vllm-bench': {
    about: 'the JSON that `vllm bench serve --save-result --save-detailed` writes, by its definitions',
    options: [],
    write: async (folder, out) => (await import('./vllm-bench/vllm-bench.ts')).writeVllmBench(folder, out),
  },
} as const satisfies Record<string, ExportFormat>

import type { ImportFormat, ImportKind, Readers } from './import-format.ts'

/**
 * Every format that becomes a run, by the id that run.json keeps. Of those of one kind the first that knows a file takes it.
 * What reads it is loaded when something is imported.
 */
export const IMPORTS = {
  'kernel-tracer': {
    kind: 'folder',
    about: "what KernelTracer and layerline kernels write, a tracer's folder or all of them",
    shown: ['ops', 'op_kernels', 'slices'],
    load: async () => (await import('./kernel-tracer/kernel-tracer.ts')).kernelTracer,
  },
  kineto: {
    kind: 'folder',
    about: "profiles of PyTorch and vLLM, and other traces in Chrome's JSON, plain or packed by gzip or zstd",
    shown: ['slices', 'tracks'],
    load: async () => (await import('./kineto/kineto.ts')).kineto,
  },
  'vllm-bench': {
    kind: 'result',
    about: 'the JSON of `vllm bench serve --save-result --save-detailed`',
    shown: ['requests', 'counters'],
    load: async () => (await import('./vllm-bench/vllm-bench.ts')).vllmBench,
  },
  aiperf: {
    kind: 'result',
    about: "AIPerf's profile_export.jsonl",
    shown: ['requests', 'counters'],
    load: async () => (await import('./aiperf/aiperf.ts')).aiperf,
  },
  guidellm: {
    kind: 'result',
    about: "GuideLLM's JSON report",
    shown: ['requests', 'counters'],
    load: async () => (await import('./guidellm/guidellm.ts')).guidellm,
  },
  'tracer-trace': {
    kind: 'csv',
    about: "the Tracer's trace_*.csv, nine columns",
    shown: ['requests', 'counters'],
    load: async () => (await import('./tracer/sample-trace.ts')).tracerTrace,
  },
  'tracer-performance': {
    kind: 'csv',
    about: "the Tracer's performance_tracing_*.csv",
    shown: ['requests', 'counters'],
    load: async () => (await import('./tracer/sample-trace.ts')).tracerPerformance,
  },
  'tracer-vision': {
    kind: 'csv',
    about: 'prefill_<gpu>.csv and decode_<gpu>.csv, one line per sample and request',
    shown: ['requests', 'counters'],
    load: async () => (await import('./tracer/vision.ts')).tracerVision,
  },
  'tracer-tables': {
    kind: 'csv',
    about: 'the result tables raw_*.csv and filtered_*.csv',
    shown: ['requests', 'counters'],
    load: async () => (await import('./tracer/result-tables.ts')).tracerTables,
  },
} as const satisfies { readonly [id: string]: { [K in ImportKind]: ImportFormat<K> }[ImportKind] }

export type ImportId = keyof typeof IMPORTS

/** What formats of some kinds are, in a line each; of all where none is named. */
export function aboutImports(kind?: ImportKind): string[] {
  return Object.values(IMPORTS).flatMap((format) => (kind === undefined || format.kind === kind ? [format.about] : []))
}

/** The formats that are known in one way, in order, with what reads them. */
export async function readersOf<K extends ImportKind>(kind: K): Promise<(readonly [ImportId, Readers[K]])[]> {
  const found = (Object.entries(IMPORTS) as [ImportId, ImportFormat][]).filter(([, format]) => format.kind === kind)
  return Promise.all(found.map(async ([id, format]) => [id, await (format as ImportFormat<K>).load()] as const))
}

/** What each format's files are, for the help, which loads no reader. A format's `id` is one of these. */
export const FORMAT_ABOUTS = {
  'vllm-bench': 'the JSON of `vllm bench serve --save-result --save-detailed`',
  aiperf: "AIPerf's profile_export.jsonl",
  guidellm: "GuideLLM's JSON report",
  'tracer-trace': "the Tracer's trace_*.csv, nine columns",
  'tracer-performance': "the Tracer's performance_tracing_*.csv",
  'tracer-vision': 'prefill_<gpu>.csv and decode_<gpu>.csv, one line per sample and request',
  'tracer-tables': 'the result tables raw_*.csv and filtered_*.csv',
} as const

/** A format of tables or of load tools' results. */
export type FormatId = keyof typeof FORMAT_ABOUTS

/** A load tool's file that is known, and not read. */
interface UnreadResult {
  readonly what: string
  readonly hint: string
  detect(head: string): boolean
}

/** Recognized so that the refusal says what the file is. */
export const UNREAD_RESULTS: readonly UnreadResult[] = [
  {
    what: "AIPerf's summary, without its requests",
    hint: 'profile_export.jsonl beside it has them',
    detect: (head) => /"request_throughput"\s*:\s*\{/.test(head) && head.includes('"unit"'),
  },
  {
    what: "GenAI-Perf's profile_export.json",
    hint: 'AIPerf, which followed it, writes profile_export.jsonl: that is read',
    detect: (head) => head.includes('"experiments"') && head.includes('"service_kind"'),
  },
  {
    what: "the result of SGLang's bench_serving",
    hint: 'it has no times of its requests',
    detect: (head) => head.includes('"random_input_len"') || head.includes('"sharegpt_output_len"'),
  },
  {
    what: 'the summary of k6',
    hint: 'it has no requests; `layerline load` measures a server itself',
    detect: (head) => head.includes('"root_group"') && head.includes('"metrics"'),
  },
]

import { defineCommand } from '../command.ts'
import { SCHEDULE_OPTIONS, TRACE_OPTIONS, TRACE_OVERRIDES } from '../options/option-groups.ts'

export const replayCommand = defineCommand({
  name: 'replay',
  summary: 'offer the arrivals of a production trace, at their times',
  about:
    "Offers each request of a trace when it is due, whatever the server does (open loop): Azure, BurstGPT, Mooncake, Qwen, a plain table, or a run of ours. Prompts have the trace's lengths and are made up; blocks that the trace says are shared are shared. Per request the run keeps when it was due and when it went; the report says who limited it. Ctrl-C once stops offering and waits up to 5 s for what is in flight, twice cuts it off; the run is sealed either way.",
  arguments: [],
  records: true,
  options: [...TRACE_OPTIONS, 'speedup', 'duration', 'concurrency', ...SCHEDULE_OPTIONS],
  overrides: {
    ...TRACE_OVERRIDES,
    trace: { alias: 'csv' },
    concurrency: { doc: 'another name of --max-in-flight', default: 'no ceiling' },
    duration: { doc: 'offer nothing that is due later than that after the start' },
    salt: { doc: 'other prompts of the same lengths, so that no cache knows them' },
  },
  required: ['trace'],
  examples: [
    {
      line: 'layerline replay --trace azure2023_code.csv --url http://127.0.0.1:8000 --limit 500',
      what: 'the first 500 arrivals, in real time',
    },
    {
      line: 'layerline replay --trace conversation_trace.jsonl --url http://127.0.0.1:8000 --speedup 10 --max-in-flight 64',
      what: 'ten times as fast, and never more than 64 requests at once',
    },
  ],
})

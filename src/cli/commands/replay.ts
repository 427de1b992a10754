import { defineCommand } from '../command.ts'
import { SCHEDULE_OPTIONS, TRACE_OPTIONS, TRACE_OVERRIDES } from '../options/option-groups.ts'

export const replayCommand = defineCommand({
  name: 'replay',
  summary: 'replay the arrivals of a production trace',
  about:
    'Sends each request of a trace when it is due, whatever the server does (open loop). Reads traces of Azure, BurstGPT, Mooncake and Qwen, plain tables, and runs of Layerline. Prompts are synthetic, with the lengths and the shared blocks of the trace. The run records when each request was due and when it was sent; the report shows what limited it. Ctrl-C once stops offering and waits up to 5 s for requests in flight, twice cuts them off; the run is sealed either way.',
  arguments: [],
  records: true,
  common: ['trace', 'url', 'speedup', 'limit', 'max-in-flight', 'out'],
  options: [...TRACE_OPTIONS, 'speedup', 'duration', 'concurrency', ...SCHEDULE_OPTIONS],
  overrides: {
    ...TRACE_OVERRIDES,
    trace: { alias: 'csv' },
    concurrency: { doc: 'another name of --max-in-flight', default: 'no ceiling' },
    duration: { doc: 'offer only what is due within this time after the start' },
    salt: { doc: 'other prompts of the same lengths, so that no cache holds them' },
  },
  required: ['trace'],
  examples: [
    {
      line: 'layerline replay --trace azure2023_code.csv --url http://127.0.0.1:8000 --limit 500',
      what: 'the first 500 arrivals, in real time',
    },
    {
      line: 'layerline replay --trace conversation_trace.jsonl --url http://127.0.0.1:8000 --speedup 10 --max-in-flight 64',
      what: '10 times faster than recorded, with at most 64 requests in flight',
    },
  ],
})

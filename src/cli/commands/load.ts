import { defineCommand } from '../command.ts'
import { OFFERED_LOAD_OPTIONS } from '../options/option-groups.ts'

export const loadCommand = defineCommand({
  name: 'load',
  summary: 'generate load, open loop (a rate) or closed loop (users)',
  about:
    '--rate is an open loop: requests arrive as --arrival describes, whatever the server does. --concurrency is a closed loop: each user sends the next request when its answer has arrived. --sweep makes one run per rate or concurrency, or searches for the highest rate that meets --slo. Ctrl-C once stops offering and waits up to 5 s for requests in flight, twice cuts them off; the run is sealed either way.',
  arguments: [],
  records: true,
  common: [
    'url',
    'rate',
    'concurrency',
    'requests',
    'duration',
    'input-tokens',
    'output-tokens',
    'sweep',
    'slo',
    'out',
  ],
  options: ['sweep', 'attainment', 'precision', ...OFFERED_LOAD_OPTIONS],
  overrides: {
    concurrency: { doc: 'closed loop: users, each with one request in flight', default: 'an open loop' },
    salt: { doc: 'other prompts of the same lengths, so that no cache holds them' },
    out: { doc: 'folder of the run, or of the runs of a sweep; must not exist yet' },
  },
  examples: [
    {
      line: 'layerline load --requests 50 --concurrency 5 --url http://127.0.0.1:8000',
      what: '50 requests by 5 users; model and limits come from the server',
    },
    {
      line: 'layerline load --rate 8 --duration 60 --input-tokens lognormal:600,400 --output-tokens 128 --url http://127.0.0.1:8000',
      what: 'eight requests per second on average, as a Poisson process, for a minute',
    },
    {
      line: 'layerline load --rate 2 --arrival gamma:2.5 --turns 4 --think-time exponential:5s --requests 200 --url http://127.0.0.1:8000',
      what: 'bursts of conversations with pauses between their turns',
    },
    {
      line: 'layerline load --sweep rate=1,2,4,8 --slo ttft=500ms,itl=50ms --url http://127.0.0.1:8000',
      what: 'one run per rate, and a table of them',
    },
    {
      line: 'layerline load --sweep rate=search --slo ttft=500ms --attainment 99% --url http://127.0.0.1:8000',
      what: 'the highest rate at which 99 % of the requests have their first token within 500 ms',
    },
  ],
})

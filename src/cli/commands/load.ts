import { defineCommand } from '../command.ts'
import { OFFERED_LOAD_OPTIONS } from '../options/option-groups.ts'

export const loadCommand = defineCommand({
  name: 'load',
  summary: 'offer synthetic load, at a rate or by users who wait for answers',
  about:
    'With --rate an open loop: requests come as --arrival says, whatever the server does. With --concurrency a closed loop: so many users, each of whom sends the next request when the answer is there. Lengths are drawn from distributions, everything from one seed. With --sweep one run after another, at each rate or concurrency, or at the rates of a search for the highest that keeps --slo. Ctrl-C once stops offering and waits up to 5 s for what is in flight, twice cuts it off; the run is sealed either way.',
  arguments: [],
  records: true,
  options: ['sweep', 'attainment', 'precision', ...OFFERED_LOAD_OPTIONS],
  overrides: {
    concurrency: { doc: 'users of a closed loop, each with one request in flight', default: 'an open loop' },
    salt: { doc: 'other prompts of the same lengths, so that no cache knows them' },
    out: { doc: 'where to write, the run or the folder of the runs of a sweep; must not exist yet' },
  },
  examples: [
    {
      line: 'layerline load --requests 50 --concurrency 5 --url http://127.0.0.1:8000',
      what: '50 requests by 5 users; model and limits are asked from the server',
    },
    {
      line: 'layerline load --rate 8 --duration 60 --input-tokens lognormal:600,400 --output-tokens 128 --url http://127.0.0.1:8000',
      what: 'eight requests a second on average, as a Poisson process, for a minute',
    },
    {
      line: 'layerline load --rate 2 --arrival gamma:2.5 --turns 4 --think-time exponential:5s --requests 200 --url http://127.0.0.1:8000',
      what: 'bursts of conversations with pauses between their turns',
    },
    {
      line: 'layerline load --sweep rate=1,2,4,8 --slo ttft=500ms,itl=50ms --url http://127.0.0.1:8000',
      what: 'a run at each rate, and a table of them',
    },
    {
      line: 'layerline load --sweep rate=search --slo ttft=500ms --attainment 99% --url http://127.0.0.1:8000',
      what: 'the highest rate at which 99 % of the requests have their first token within 500 ms',
    },
  ],
})

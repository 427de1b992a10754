import { defineCommand } from '../command.ts'
import {
  HARDWARE_OPTIONS,
  LIVE_OPTIONS,
  OS_OPTIONS,
  PROFILE_OPTIONS,
  TARGET_OPTIONS,
} from '../options/option-groups.ts'

export const traceCommand = defineCommand({
  name: 'trace',
  summary: 'send prompts to a server and record every token',
  about:
    'Sends each prompt of a file, one after another or N at once, and records the times of requests and tokens, the client and the machine into one run. Options can also be set in layerline.yaml or .env; flags win. Ctrl-C once stops offering and waits up to 5 s for requests in flight, twice cuts them off; the run is sealed either way.',
  arguments: [],
  records: true,
  common: ['prompts', 'url', 'model', 'concurrency', 'repeat', 'max-tokens', 'gpu', 'out'],
  options: [
    'prompts',
    'plan',
    'url',
    'model',
    'endpoint',
    'concurrency',
    'repeat',
    'warmup',
    'max-tokens',
    'temperature',
    'top-p',
    'ignore-eos',
    'body',
    'seed',
    'sizes',
    'stage',
    'no-stream',
    'texts',
    'token-ids',
    ...TARGET_OPTIONS,
    ...HARDWARE_OPTIONS,
    ...PROFILE_OPTIONS,
    ...OS_OPTIONS,
    'certify',
    'live',
    ...LIVE_OPTIONS,
    'env-file',
    'out',
    'json',
    'quiet',
  ],
  overrides: { prompts: { alias: 'csv' } },
  examples: [
    {
      line: 'layerline trace --prompts prompts.csv --url http://127.0.0.1:8000',
      what: 'each prompt once, one after another',
    },
    {
      line: 'layerline trace --prompts prompts.csv --url http://gpu1:8000 --gpu ssh://me@gpu1 --engine-metrics http://gpu1:8000',
      what: "also the server's GPUs, its machine and its own metrics",
    },
    {
      line: 'layerline trace --prompts prompts.csv --url http://127.0.0.1:8000 --sizes 64,128 --repeat 10 --warmup 2',
      what: 'two sizes, ten passes, after two warm-up requests',
    },
    {
      line: 'layerline trace --plan plan.yaml --out runs/three-gpus',
      what: 'several servers, stages and sizes in random order, with idle time around each request',
    },
  ],
})

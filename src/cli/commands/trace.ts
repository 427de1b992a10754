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
    'Sends each prompt of a file, one after another or N at once, and records request and token times, the client itself and the machine beside them, into one run. Settings may also stand in layerline.yaml or .env; flags win. Ctrl-C once stops offering and waits up to 5 s for what is in flight, twice cuts it off; the run is sealed either way.',
  arguments: [],
  records: true,
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
      what: 'the GPUs and the machine of the server beside the requests, and what the server says of itself',
    },
    {
      line: 'layerline trace --prompts prompts.csv --url http://127.0.0.1:8000 --sizes 64,128 --repeat 10 --warmup 2',
      what: 'two sizes, ten passes, two requests first that do not count',
    },
    {
      line: 'layerline trace --plan plan.yaml --out runs/three-gpus',
      what: 'several servers, stages and sizes in one order, idle time around each request',
    },
  ],
})

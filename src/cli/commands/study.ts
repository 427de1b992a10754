import { defineCommand } from '../command.ts'
import { HARDWARE_OPTIONS, TARGET_OPTIONS } from '../options/option-groups.ts'
import { STUDY_MAX_TOKENS } from '../runs/study-work.ts'

export const BLOCKS = 3
export const OPTIONS = [
  'url',
  'engine',
  'prompts',
  'model',
  'endpoint',
  'concurrency',
  'periods',
  'repeat',
  'max-tokens',
  'temperature',
  'top-p',
  'ignore-eos',
  'body',
  'seed',
  'sizes',
  ...TARGET_OPTIONS,
  ...HARDWARE_OPTIONS.filter((name) => name !== 'sample-ms'),
  'env-file',
  'out',
  'json',
  'quiet',
] as const

export const studyCommand = defineCommand({
  name: 'study',
  summary: 'find the sampling period that loses no accuracy and does not load the system',
  about:
    'Does the same work again and again, sampled every 1000, 100, 50, 20 and 10 ms in random order, and says for each period what it costs (CPU of the sampler, what it does to speed and latency), how far what it measures is off (against a truth where there is one, else against the finest period), each with a 95 % interval, and which period to take. Each period is a run of its own in the folder of the study, beside study.json; a block is each period once, and only runs of one block are compared with each other. A first run warms up and counts for nothing. Without --url the work is a small set of prompts for an engine in our care. Needs no GPU: without one the machine itself is what is measured. Ctrl-C keeps what is there.',
  arguments: [{ name: 'WHAT', doc: 'what to study', choices: ['sampling'] }],
  records: true,
  options: OPTIONS,
  overrides: {
    url: { default: 'an engine in our care' },
    engine: { doc: 'engine in our care, where there is no --url' },
    prompts: { doc: 'the work: a prompt file as `trace` takes', default: 'a few prompts of our own' },
    repeat: { doc: 'blocks: times that each period is tried', default: String(BLOCKS) },
    'max-tokens': { default: `the prompt row's; ${STUDY_MAX_TOKENS} for our own prompts` },
    out: { doc: "the study's folder; must not exist yet", default: 'runs/<stamp>-study-<hex>' },
    seed: { doc: 'decides the order of the periods, and is sent to the server; the same for each run' },
  },
  examples: [
    { line: 'layerline study sampling', what: 'this machine, with a small engine: some minutes' },
    {
      line: 'layerline study sampling --url http://gpu1:8000 --prompts prompts.csv --gpu ssh://me@gpu1 --repeat 6',
      what: 'a server of yours and its GPUs',
    },
    { line: 'layerline study sampling --periods 1000,100,10 --repeat 5', what: 'fewer periods, narrower intervals' },
  ],
})

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
  summary: 'find the sampling period that is accurate and costs little',
  about:
    'Repeats the same work, sampled every 1,000, 100, 50, 20 and 10 ms in random order, and recommends a period. Shows for each, with 95 % intervals, what it costs (CPU, speed, latency) and its error, compared with the truth where one is known, else with the shortest period. Each period is one run in the folder of the study, beside study.json. A block is one run of each period; only runs of the same block are compared. A first run warms up and is not counted. Without --url the work is a small prompt set for a managed engine. Without a GPU the samples of the machine are studied. Ctrl-C keeps the finished runs.',
  arguments: [{ name: 'WHAT', doc: 'what to study', choices: ['sampling'] }],
  records: true,
  common: ['url', 'prompts', 'gpu', 'periods', 'repeat', 'out'],
  options: OPTIONS,
  overrides: {
    url: { default: 'a managed engine' },
    engine: { doc: 'managed engine to use without --url' },
    prompts: { doc: 'prompt file, as for `trace`', default: 'a few built-in prompts' },
    repeat: { doc: 'blocks: runs of each period', default: String(BLOCKS) },
    'max-tokens': { default: `the prompt row's; ${STUDY_MAX_TOKENS} for the built-in prompts` },
    out: { doc: "the study's folder; must not exist yet", default: 'runs/<stamp>-study-<hex>' },
    seed: { doc: 'seed of the order of the periods, also sent to the server; the same for each run' },
  },
  examples: [
    { line: 'layerline study sampling', what: 'this machine, with a small engine; takes some minutes' },
    {
      line: 'layerline study sampling --url http://gpu1:8000 --prompts prompts.csv --gpu ssh://me@gpu1 --repeat 6',
      what: 'your server and its GPUs',
    },
    { line: 'layerline study sampling --periods 1000,100,10 --repeat 5', what: 'fewer periods, narrower intervals' },
  ],
})

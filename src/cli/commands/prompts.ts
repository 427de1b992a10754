import { defineCommand } from '../command.ts'
import { ACCESS_OPTIONS } from '../options/option-groups.ts'

export const SIZES = ['10', '50', '100', '1000', '10000']
export const OPTIONS = [
  'stage',
  'sizes',
  'per-size',
  'unit',
  'tokenizer',
  'url',
  'model',
  'generator-url',
  'generator-model',
  'concurrency',
  'shared-prefix',
  'salt',
  'seed',
  'token-ids',
  ...ACCESS_OPTIONS,
  'env-file',
  'out',
  'json',
  'quiet',
] as const

export const promptsCommand = defineCommand({
  name: 'prompts',
  summary: 'make prompts of an exact token length',
  about:
    'Prefill prompts are a text of exactly SIZE tokens and `Summarize in 1 word.`. The size counts the text alone; the tokens of the question, the chat template and BOS are measured and written to their own columns. Each text starts differently, by --salt, so that no cache answers; make a new file with another salt for a second run. Decode prompts are `Generate a SIZE word story about ELEMENT`, from a hundred elements. Texts come from a grammar, or from an API at --generator-url with the key in LAYERLINE_GENERATOR_API_KEY or NEBULA_API_KEY. The same command resumes an interrupted file. `trace --prompts` reads it.',
  arguments: [{ name: 'ACTION', doc: 'what to do', choices: ['make'] }],
  common: ['stage', 'sizes', 'per-size', 'url', 'tokenizer', 'seed', 'out'],
  options: OPTIONS,
  required: ['stage', 'out'],
  overrides: {
    stage: { choices: ['prefill', 'decode'], doc: 'what the prompts stress' },
    sizes: { doc: 'sizes to make', default: SIZES.join(',') },
    concurrency: { doc: 'requests to the generator at once', default: '4' },
    seed: { doc: 'decides texts, elements and their order', default: 'drawn, and shown' },
    'token-ids': { doc: 'prompts as token ids, BOS included; for a .jsonl file' },
    model: { doc: 'model whose tokenizer the server uses' },
    out: { value: 'FILE', doc: 'file to write, .csv or .jsonl; must not exist yet', default: undefined },
  },
  examples: [
    {
      line: 'layerline prompts make --stage prefill --url http://127.0.0.1:8000 --seed 1 --out prefill.csv',
      what: "a hundred texts each of 10, 50, 100, 1,000 and 10,000 tokens, counted by the server's own tokenizer",
    },
    {
      line: 'layerline prompts make --stage prefill --tokenizer models/llama --sizes 512 --per-size 20 --out p.csv',
      what: 'counted by the tokenizer.json in a folder, without a server',
    },
    {
      line: 'layerline prompts make --stage decode --unit tokens --sizes 100,1000 --out decode.csv',
      what: 'stories of 100 and 1,000 tokens, each limited to that',
    },
  ],
})

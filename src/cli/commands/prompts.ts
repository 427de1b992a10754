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
  summary: 'make prompts of exact token length',
  about:
    'Prefill prompts: a text of exactly SIZE tokens and `Summarize in 1 word.`; the size counts the text alone, without the question, the chat template and BOS, whose tokens are measured and stand in columns of their own. Each text begins in its own way, decided by --salt, so that no cache answers; make a new file with another salt for a second run. Decode prompts: `Generate a SIZE word story about ELEMENT`, from a hundred elements. Texts come from a grammar, or from an API at --generator-url, whose key is taken from LAYERLINE_GENERATOR_API_KEY or NEBULA_API_KEY. What is cut off goes on when the same command is given again. The file is read by `trace --prompts`.',
  arguments: [{ name: 'ACTION', doc: 'what to do', choices: ['make'] }],
  options: OPTIONS,
  required: ['stage', 'out'],
  overrides: {
    stage: { choices: ['prefill', 'decode'], doc: 'what the prompts stress' },
    sizes: { doc: 'sizes to make', default: SIZES.join(',') },
    concurrency: { doc: 'requests to the generator at once', default: '4' },
    seed: { doc: 'decides texts, elements and their order', default: 'drawn, and shown' },
    'token-ids': { doc: 'prompts as token ids, BOS included; for a .jsonl' },
    model: { doc: 'model whose tokenizer the server shall use' },
    out: { value: 'FILE', doc: 'file to write, .csv or .jsonl; must not exist yet', default: undefined },
  },
  examples: [
    {
      line: 'layerline prompts make --stage prefill --url http://127.0.0.1:8000 --seed 1 --out prefill.csv',
      what: "a hundred texts of 10, 50, 100, 1,000 and 10,000 tokens each, as the server's own tokenizer counts",
    },
    {
      line: 'layerline prompts make --stage prefill --tokenizer models/llama --sizes 512 --per-size 20 --out p.csv',
      what: 'by the tokenizer.json in a folder; no server is asked',
    },
    {
      line: 'layerline prompts make --stage decode --unit tokens --sizes 100,1000 --out decode.csv',
      what: 'stories of 100 and 1,000 tokens, each limited to that',
    },
  ],
})

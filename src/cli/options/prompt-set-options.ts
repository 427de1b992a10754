import type { OptionSpec } from './option-spec.ts'

/** `prompts make`: sizes, texts and their tokens. */
export const PROMPT_SET_OPTIONS = {
  'per-size': { kind: 'integer', value: 'N', min: 1, doc: 'prompts of each size', default: '100' },
  unit: {
    kind: 'text',
    value: 'UNIT',
    choices: ['words', 'tokens'],
    doc: 'what the sizes of decode prompts count; `tokens` also limits the answer to them',
    default: 'words',
  },
  tokenizer: {
    kind: 'text',
    value: 'DIR|FILE|server',
    doc: "what counts the tokens: a model's folder, its tokenizer.json, or the /tokenize of the server at --url",
    default: 'server where there is a --url',
  },
  'generator-url': {
    kind: 'text',
    value: 'URL',
    doc: 'OpenAI-like API that writes the texts',
    default: 'our own grammar',
  },
  'generator-model': { kind: 'text', value: 'NAME', doc: 'model that writes the texts' },
  'shared-prefix': {
    kind: 'integer',
    value: 'N',
    min: 0,
    doc: 'tokens that all texts begin with, inside their size',
    default: '0: each begins in its own way',
  },
  salt: {
    kind: 'text',
    value: 'TEXT',
    doc: 'other beginnings before the same texts, so that no cache knows them',
    default: 'the seed',
  },
} as const satisfies Record<string, OptionSpec>

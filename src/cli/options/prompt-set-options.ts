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
    default: 'server, with --url',
  },
  'generator-url': {
    kind: 'text',
    value: 'URL',
    doc: 'OpenAI-compatible API that writes the texts',
    default: 'the built-in grammar',
  },
  'generator-model': { kind: 'text', value: 'NAME', doc: 'model that writes the texts' },
  'shared-prefix': {
    kind: 'integer',
    value: 'N',
    min: 0,
    doc: 'tokens that all texts start with, part of their size',
    default: '0: each text starts differently',
  },
  salt: {
    kind: 'text',
    value: 'TEXT',
    doc: 'start the same texts differently, so that no cache holds them',
    default: 'the seed',
  },
} as const satisfies Record<string, OptionSpec>

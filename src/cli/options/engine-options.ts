import type { OptionSpec } from './option-spec.ts'

/** A managed engine. */
export const ENGINE_OPTIONS = {
  port: {
    kind: 'integer',
    value: 'N',
    min: 0,
    max: 65_535,
    doc: 'port to listen on; 0: any free one',
    default: '8080',
  },
  threads: { kind: 'integer', value: 'N', min: 1, doc: 'threads of the engine', default: 'cores - 1' },
  sequences: { kind: 'integer', value: 'N', min: 1, doc: 'sequences decoded together', default: '4' },
  'context-tokens': {
    kind: 'integer',
    value: 'N',
    min: 128,
    doc: 'context of each sequence',
    default: '4096, at most the trained context of the model',
  },
} as const satisfies Record<string, OptionSpec>

import type { OptionSpec } from './option-spec.ts'

/** The web page. */
export const SERVE_OPTIONS = {
  open: { kind: 'switch', doc: 'also open the page in the browser' },
  host: {
    kind: 'text',
    value: 'ADDRESS',
    doc: 'address to listen on; beyond this machine the page asks for a token, which is in the address that is printed',
    default: '127.0.0.1',
  },
} as const satisfies Record<string, OptionSpec>

import { ANSWER_OPTIONS } from './options/answer-options.ts'
import { ARRIVAL_OPTIONS } from './options/arrival-options.ts'
import { DASHBOARD_OPTIONS } from './options/dashboard-options.ts'
import { ENGINE_OPTIONS } from './options/engine-options.ts'
import { KERNELS_OPTIONS } from './options/kernels-options.ts'
import { LAYER_OPTIONS } from './options/layer-options.ts'
import type { OptionSpec } from './options/option-spec.ts'
import { PROMPT_SET_OPTIONS } from './options/prompt-set-options.ts'
import { REQUEST_OPTIONS } from './options/request-options.ts'
import { SERVE_OPTIONS } from './options/serve-options.ts'

/** Every option of every command, once: the parser, `--help` and docs/commands come from this table. */
export const OPTIONS = {
  ...REQUEST_OPTIONS,
  ...PROMPT_SET_OPTIONS,
  ...LAYER_OPTIONS,
  ...ARRIVAL_OPTIONS,
  ...DASHBOARD_OPTIONS,
  ...ANSWER_OPTIONS,
  ...ENGINE_OPTIONS,
  ...KERNELS_OPTIONS,
  ...SERVE_OPTIONS,
} as const satisfies Record<string, OptionSpec>

export type OptionName = keyof typeof OPTIONS

type ValueOf<S extends OptionSpec> = S['kind'] extends 'switch'
  ? boolean
  : S['kind'] extends 'number' | 'integer' | 'seconds'
    ? number | undefined
    : S['kind'] extends 'list' | 'many'
      ? readonly string[] | undefined
      : string | undefined

/** What a command gets for the options it names. */
export type OptionValues<N extends OptionName = OptionName> = { readonly [K in N]: ValueOf<(typeof OPTIONS)[K]> }

import { homedir } from 'node:os'
import { z } from 'zod'
import { parseSeconds } from '../base/duration-text.ts'
import { learnFromVariables } from './learn-secrets.ts'
import { yamlDocument } from './yaml-document.ts'
import { readYamlText } from './yaml-file.ts'

const seconds = z.preprocess(
  (value) => (typeof value === 'string' ? parseSeconds(value) : value),
  z.number('expected seconds, or a duration as 10m').positive('expected more than 0'),
)
const variables = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()], 'expected a value')).nullish()
const timeoutsSchema = z.strictObject({
  download: seconds.optional(),
  hf_trace: seconds.optional(),
  vllm_trace: seconds.optional(),
  inactivity: seconds.optional(),
})
const behaviorSchema = z.strictObject({
  bypass_if_exists: z.boolean().optional(),
  continue_on_failure: z.boolean().optional(),
  if_exists: z.enum(['skip', 'overwrite']).optional(),
})
const schema = z.strictObject({
  env: z.record(z.string(), variables).nullish(),
  timeouts: timeoutsSchema.nullish(),
  behavior: behaviorSchema.nullish(),
})

/** What a configuration for `kernels run` says; KernelTracer's own files are read. */
export interface KernelsFile {
  /** Variables for workers, by the block's name: common, offline, a framework's or a tracer's. */
  readonly env: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Seconds. */
  readonly timeouts: z.output<typeof timeoutsSchema>
  readonly bypass: boolean
  readonly continueOnFailure: boolean
}

export const NO_KERNELS_FILE: KernelsFile = { env: {}, timeouts: {}, bypass: true, continueOnFailure: true }

/** Unknown keys and wrong values are errors `input/yaml` with file, line and column. */
export function readKernelsFile(path: string, env: NodeJS.ProcessEnv, cwd: string = process.cwd()): KernelsFile {
  const document = yamlDocument(readYamlText(path, cwd), path, {
    schema,
    expected: 'a map with `env`, `timeouts` or `behavior`',
    noun: 'key',
    known: (at) =>
      Object.keys((at[0] === 'timeouts' ? timeoutsSchema : at[0] === 'behavior' ? behaviorSchema : schema).shape),
  })
  if (document === null) return NO_KERNELS_FILE
  const { env: blocks, timeouts, behavior } = document.value
  const expanded = Object.entries(blocks ?? {}).map(([block, values]) => [
    block,
    Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, expand(String(value), env)])),
  ])
  for (const [, variables] of expanded) learnFromVariables(variables as Record<string, string>)
  return {
    env: Object.fromEntries(expanded),
    timeouts: timeouts ?? {},
    bypass: (behavior?.bypass_if_exists ?? true) && behavior?.if_exists !== 'overwrite',
    continueOnFailure: behavior?.continue_on_failure ?? true,
  }
}

/** `~` at the start, `$NAME` and `${NAME}`; a variable that is not set stays as it is written. */
function expand(text: string, env: NodeJS.ProcessEnv): string {
  return text
    .replace(/^~(?=\/|$)/, homedir())
    .replaceAll(/\$(?:(\w+)|\{(\w+)\})/g, (all, plain?: string, braced?: string) => env[plain ?? braced ?? ''] ?? all)
}

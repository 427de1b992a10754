import type { EnvEntry } from './env-file.ts'
import type { YamlFile } from './yaml-file.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where settings may come from. */
export interface SettingInputs {
  /** Values of the command line by option name (`sample-ms`); undefined, and false of a switch, mean not given. */
  flags: Readonly<Record<string, unknown>>
  processEnv: Environment
  envFile: { path: string; entries: ReadonlyMap<string, EnvEntry> } | null
  yamlFile: YamlFile | null
  /** What a plan says, best first: wins over the environment. */
  plan?: readonly YamlFile[]
  cwd: string
}

import { learnCredentials, learnHeaders, learnSecret, learnSecrets } from '../base/secrets/secrets.ts'
import type { SettingInputs } from './setting-inputs.ts'

/** Variables of the environment that hold keys; others' names (`SSH_AUTH_SOCK`) sound like it. */
const KEY_VARIABLE = /(^|_)(API_?KEY|TOKEN|SECRET|PASSWORD|ACCESS_KEY)$/

/** Learns the secrets in everything that settings may come from, before any of it is used or named in an error. */
export function learnFromSettings({ flags, processEnv, envFile, yamlFile, plan = [] }: SettingInputs): void {
  learnFromVariables(processEnv)
  for (const [name, { value }] of envFile?.entries ?? []) learnVariable(name, value)
  for (const file of [yamlFile, ...plan]) {
    for (const [name, { value }] of file?.entries ?? []) learnSetting(name, value)
  }
  for (const [name, value] of Object.entries(flags)) learnSetting(name === 'header' ? 'headers' : name, value)
}

/** Learns the keys in an environment: of servers, and of what programs that are started here talk to. */
export function learnFromVariables(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) if (value !== undefined) learnVariable(name, value)
}

function learnVariable(name: string, value: string): void {
  if (KEY_VARIABLE.test(name)) learnSecret(value)
  else if (/_(URL|HOST|PROXY)$/i.test(name)) learnCredentials(value)
}

function learnSetting(name: string, value: unknown): void {
  if (name === 'headers') learnHeaders(headersOf(value))
  else learnSecrets('', value)
}

/** A map, or `Name: value` texts. */
function headersOf(value: unknown): Record<string, string> {
  const pairs = Array.isArray(value)
    ? value.map((text) => /^([^:]*):\s*(.*)$/s.exec(String(text))?.slice(1) ?? ['', String(text)])
    : Object.entries(typeof value === 'object' && value !== null ? value : {})
  return Object.fromEntries(pairs.map(([name, text]) => [name, String(text)]))
}

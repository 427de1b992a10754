import type { Settings } from './settings.ts'
import { SETTINGS, type SettingName, snakeCase } from './settings-table.ts'

const SECRET_NAME = /auth|key|token|secret|cookie|passw|signature|sig$/i
const HIDDEN = '[hidden]'

/**
 * The settings in force with their sources, for run.json and `doctor`: no key, no password in a URL, no header or
 * query value whose name sounds secret. Never throws: a value that is wrong or a placeholder is left out.
 */
export function withoutSecrets(settings: Settings): Record<string, { value: unknown; source: string }> {
  const shown: Record<string, { value: unknown; source: string }> = {}
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const source = settings.source(name)
    if (source === null) continue
    const value = valueOrNothing(settings, name)
    if (value === undefined) continue
    shown[snakeCase(name)] = { value: name === 'headers' ? safeHeaders(value) : safeText(value), source }
  }
  const keySource = settings.apiKeySource(String(valueOrNothing(settings, 'url') ?? ''))
  if (keySource !== null) shown.api_key = { value: HIDDEN, source: keySource }
  return shown
}

/** A URL as it may be shown: user, password and secret query values are hidden. */
export function safeUrl(text: string): string {
  if (!URL.canParse(text)) return text
  const url = new URL(text)
  const secret = [...url.searchParams.keys()].filter((name) => SECRET_NAME.test(name))
  if (url.username === '' && url.password === '' && secret.length === 0) return text
  url.username = ''
  url.password = ''
  for (const name of secret) url.searchParams.set(name, HIDDEN)
  return url.href
}

function valueOrNothing(settings: Settings, name: SettingName): unknown {
  try {
    return settings.get(name)
  } catch {
    return undefined
  }
}

function safeText(value: unknown): unknown {
  return typeof value === 'string' ? safeUrl(value) : value
}

function safeHeaders(headers: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers as Record<string, string>).map(([name, value]) => [
      name,
      SECRET_NAME.test(name) ? HIDDEN : value,
    ]),
  )
}

import { withoutCredentials } from '../base/secrets/credentials.ts'
import { isSecretHeader, isSecretName, looksLikeKey } from '../base/secrets/secret-names.ts'
import type { Settings } from './settings.ts'
import { SETTINGS, type SettingName, snakeCase } from './settings-table.ts'

const HIDDEN = '[hidden]'
/**
 * The settings in force with their sources, for run.json and `doctor`: no key, no password in a URL, no value of a
 * header or query parameter that may be a secret. Never throws: wrong values and placeholders are skipped.
 */
export function withoutSecrets(settings: Settings): Record<string, { value: unknown; source: string }> {
  const shown: Record<string, { value: unknown; source: string }> = {}
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const source = settings.source(name)
    if (source === null) continue
    const value = valueOrNothing(settings, name)
    if (value === undefined) continue
    shown[snakeCase(name)] = { value: name === 'headers' ? safeHeaders(value) : safeValue(value), source }
  }
  const keySource = settings.apiKeySource(String(valueOrNothing(settings, 'url') ?? ''))
  if (keySource !== null) shown.api_key = { value: HIDDEN, source: keySource }
  return shown
}

/** A URL as it may be shown: user, password and secret query values are hidden. */
export function safeUrl(text: string): string {
  return withoutCredentials(text)
}

/** Fields of a request's body as they may be kept: values are hidden that are secrets by their name or by their look. */
export function safeFields<T>(value: T, name = ''): T {
  if (typeof value === 'string') {
    return (isSecretName(name) || looksLikeKey(value) ? HIDDEN : withoutCredentials(value)) as T
  }
  if (Array.isArray(value)) return value.map((each) => safeFields(each, name)) as T
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  return Object.fromEntries(entries.map(([key, each]) => [key, safeFields(each, isSecretName(name) ? name : key)])) as T
}

function valueOrNothing(settings: Settings, name: SettingName): unknown {
  try {
    return settings.get(name)
  } catch {
    return undefined
  }
}

function safeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(safeValue)
  return typeof value === 'string' ? withoutCredentials(value) : value
}

function safeHeaders(headers: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers as Record<string, string>).map(([name, value]) => [
      name,
      isSecretHeader(name, value) ? HIDDEN : withoutCredentials(value),
    ]),
  )
}

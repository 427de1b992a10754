import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { LayerlineError } from '../base/errors.ts'
import { learnSecret } from '../base/secrets/secrets.ts'
import { API_KEY_NAMES, checkedKey, keyMayGoTo, readKeyFile } from './api-key.ts'
import { readEnvFile } from './env-file.ts'
import { learnFromSettings } from './learn-secrets.ts'
import type { Environment, SettingInputs } from './setting-inputs.ts'
import {
  SETTINGS,
  type SettingName,
  type SettingSpec,
  type SettingValue,
  snakeCase,
  yamlName,
} from './settings-table.ts'
import { readYamlFile, type YamlFile } from './yaml-file.ts'

/** A raw value and where it is from: `--url`, `environment SURF_URL`, `.env:3 SURF_URL`, `layerline.yaml:2:1`, `default`. */
interface Found {
  raw: unknown
  source: string
  /** What relative paths in it are relative to. */
  folder: string
  unknownVariable: string | null
}

/**
 * The settings in force: layerline.yaml < .env < process environment < a plan < flags. A value is checked when it is asked for,
 * so that an old .env with placeholders for things a command does not use stops nothing.
 */
export class Settings {
  private readonly inputs: SettingInputs

  constructor(inputs: SettingInputs) {
    this.inputs = inputs
    learnFromSettings(inputs)
  }

  /** The value, its default, or undefined. Throws `input/placeholder` or `input/setting`, naming the source. */
  get<K extends SettingName>(name: K): SettingValue<K> {
    const found = this.find(name)
    if (found === null) return undefined as SettingValue<K>
    const spec: SettingSpec = SETTINGS[name]
    refusePlaceholder(found)
    const parsed = spec.schema.safeParse(found.raw)
    if (!parsed.success) throw invalid(found.source, parsed.error)
    const value = parsed.data
    const isPath = spec.path && typeof value === 'string' && !spec.noPath?.test(value)
    return (isPath ? resolve(found.folder, value) : value) as SettingValue<K>
  }

  /** As `get`, but a setting without a value is an error `usage/setting` that says where it can be set. */
  need<K extends SettingName>(name: K): NonNullable<SettingValue<K>> {
    const value = this.get(name)
    if (value !== undefined) return value as NonNullable<SettingValue<K>>
    const { flag, env }: SettingSpec = SETTINGS[name]
    const places = [flag && `--${flag}`, env?.[0] && `${env[0]} in .env`, `\`${yamlName(name)}\` in layerline.yaml`]
    throw new LayerlineError('usage/setting', `no ${snakeCase(name).replaceAll('_', ' ')} given`, {
      hint: `give it by ${places.filter(Boolean).join(', or ')}`,
    })
  }

  /** The source of the value in force, or null if there is none. */
  source(name: SettingName): string | null {
    return this.find(name)?.source ?? null
  }

  /** Settings that are set anywhere except by default. */
  given(): SettingName[] {
    return (Object.keys(SETTINGS) as SettingName[]).filter((name) => ![null, 'default'].includes(this.source(name)))
  }

  /** The API key for a server; never in messages, `withoutSecrets` or argv. */
  apiKey(url: string): { key: string; source: string } | null {
    const found = this.findApiKey(url)
    if (found === null) return null
    if ('file' in found) return learnt({ key: readKeyFile(found.file), source: found.source })
    refusePlaceholder({ ...found, raw: found.key })
    return learnt({ key: checkedKey(found.key, found.source), source: found.source })
  }

  /** Where `apiKey` would take it from. */
  apiKeySource(url: string): string | null {
    return this.findApiKey(url)?.source ?? null
  }

  /** A key for another server than `--url`'s, of the first of `names` in the environment or .env that may go there. */
  keyOf(names: readonly string[], url: string): { key: string; source: string } | null {
    for (const name of names) {
      const found = this.findVariable(name)
      if (found === null || !keyMayGoTo(name, url)) continue
      refusePlaceholder(found)
      return learnt({ key: checkedKey(String(found.raw), found.source), source: found.source })
    }
    return null
  }

  private findApiKey(url: string) {
    const file = this.find('apiKeyFile')
    const byFile = file && { file: resolve(file.folder, String(file.raw)), source: file.source }
    if (byFile && 'api-key-file' in this.inputs.flags && file.source === '--api-key-file') return byFile
    for (const name of API_KEY_NAMES) {
      const found = this.findVariable(name)
      if (found !== null && keyMayGoTo(name, url)) return { ...found, key: String(found.raw) }
    }
    return byFile
  }

  private find(name: SettingName): Found | null {
    const { flags, yamlFile, cwd, plan = [] } = this.inputs
    const spec: SettingSpec = SETTINGS[name]
    const flag = spec.flag === undefined ? undefined : flags[spec.flag]
    if (flag !== undefined && flag !== false) {
      return { raw: flag, source: `--${spec.flag}`, folder: cwd, unknownVariable: null }
    }
    for (const part of plan) {
      const found = foundIn(part, name, cwd)
      if (found !== null) return found
    }
    for (const variable of spec.env ?? []) {
      const found = this.findVariable(variable)
      if (found !== null) return found
    }
    const found = yamlFile === null ? null : foundIn(yamlFile, name, cwd)
    if (found !== null) return found
    if (spec.default === undefined) return null
    return { raw: spec.default, source: 'default', folder: cwd, unknownVariable: null }
  }

  /** An empty variable counts as unset. */
  private findVariable(name: string): Found | null {
    const { processEnv, envFile, cwd } = this.inputs
    const value = processEnv[name]
    if (value !== undefined && value !== '') {
      return { raw: value, source: `environment ${name}`, folder: cwd, unknownVariable: null }
    }
    const entry = envFile?.entries.get(name)
    if (!envFile || !entry || entry.value === '') return null
    const source = `${envFile.path}:${entry.line} ${name}`
    return { raw: entry.value, source, folder: cwd, unknownVariable: entry.unknownVariable }
  }
}

export function resolveSettings(inputs: SettingInputs): Settings {
  return new Settings(inputs)
}

/** Reads `.env` and `layerline.yaml` of a folder if they exist; files named explicitly must exist. */
export function loadSettings(options: {
  flags: Readonly<Record<string, unknown>>
  envFile?: string | undefined
  yamlFile?: string | undefined
  plan?: readonly YamlFile[]
  cwd?: string
  processEnv?: Environment
}): Settings {
  const { flags, plan = [], cwd = process.cwd(), processEnv = process.env } = options
  const there = (given: string | undefined, name: string): string | null =>
    given ?? (existsSync(resolve(cwd, name)) ? name : null)
  const envPath = there(options.envFile, '.env')
  const yamlPath = there(options.yamlFile, 'layerline.yaml')
  const context = { cwd, variables: processEnv }
  return resolveSettings({
    flags,
    processEnv,
    envFile: envPath === null ? null : { path: envPath, entries: readEnvFile(envPath, context) },
    yamlFile: yamlPath === null ? null : readYamlFile(yamlPath, cwd),
    plan,
    cwd,
  })
}

/** From here on the key is redacted in all output of this process. */
function learnt(key: { key: string; source: string }): { key: string; source: string } {
  learnSecret(key.key)
  return key
}

function foundIn({ path, entries }: YamlFile, name: SettingName, cwd: string): Found | null {
  const entry = entries.get(name)
  if (entry === undefined) return null
  return { raw: entry.value, source: entry.place, folder: resolve(cwd, dirname(path)), unknownVariable: null }
}

function refusePlaceholder({ raw, source, unknownVariable }: Found): void {
  const placeholder = typeof raw === 'string' ? /<[A-Za-z][\w .-]*>/.exec(raw)?.[0] : undefined
  if (placeholder !== undefined) {
    throw new LayerlineError('input/placeholder', `${source}: ${placeholder} is a placeholder`, {
      hint: 'write the real value in its place',
    })
  }
  if (unknownVariable !== null) {
    throw new LayerlineError('input/env', `${source}: $${unknownVariable} is not defined`, {
      hint: "define it, or put the value in single quotes if it's meant as written",
    })
  }
}

function invalid(source: string, error: z.ZodError): LayerlineError {
  const issue = error.issues[0]
  return new LayerlineError('input/setting', `${source}: ${issue?.message ?? 'not a valid value'}`)
}

import { resolve } from 'node:path'
import { z } from 'zod'
import { errorText, LayerlineError } from '../base/errors.ts'
import { refuseForeign } from '../base/foreign-file.ts'
import { readSmallFile } from '../base/small-file.ts'
import { SETTINGS, type SettingName, snakeCase, yamlName } from './settings-table.ts'
import { yamlDocument } from './yaml-document.ts'

export interface YamlEntry {
  /** As written; checked. */
  value: unknown
  /** `layerline.yaml:3:6`. */
  place: string
}

export interface YamlFile {
  path: string
  entries: ReadonlyMap<SettingName, YamlEntry>
}

/** Each setting by its flag's name, and by its own. */
const NAMES = new Map(
  (Object.keys(SETTINGS) as SettingName[]).flatMap((name) => [
    [snakeCase(name), name] as const,
    [yamlName(name), name] as const,
  ]),
)
const KNOWN = (Object.keys(SETTINGS) as SettingName[]).map(yamlName)
const schema = z.strictObject(
  Object.fromEntries([...NAMES].map(([key, name]) => [key, (SETTINGS[name].schema as z.ZodType).nullish()])),
)

/** Reads layerline.yaml. Unknown keys and wrong values are errors `input/yaml` with file, line and column. */
export function readYamlFile(path: string, cwd: string = process.cwd()): YamlFile {
  return parseYaml(readYamlText(path, cwd), path)
}

const MOST_BYTES = 1 << 20

/** Throws `input/yaml`. */
export function readYamlText(path: string, cwd: string): string {
  let bytes: Buffer
  try {
    bytes = readSmallFile(resolve(cwd, path), MOST_BYTES)
  } catch (cause) {
    throw new LayerlineError('input/yaml', `${path}: ${errorText(cause)}`, { cause })
  }
  refuseForeign(path, bytes, 'input/yaml', 'YAML text')
  return bytes.toString('utf8')
}

export function parseYaml(text: string, path: string): YamlFile {
  const document = yamlDocument(text, path, {
    schema,
    expected: 'settings, as in `url: http://host:8000`',
    noun: 'setting',
    known: () => KNOWN,
  })
  const entries = new Map<SettingName, YamlEntry>()
  // The value as written, not as the schema reads it: every setting is checked when it is asked for, whatever its
  // source.
  for (const [key, value] of Object.entries(document?.written ?? {})) {
    const name = NAMES.get(key)
    if (document !== null && name !== undefined && value !== null) {
      entries.set(name, { value, place: document.placeOf([key]) })
    }
  }
  return { path, entries }
}

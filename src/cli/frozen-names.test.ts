import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EXIT } from '../base/errors.ts'
import { RUN_VIEWS } from '../store/views/run-views.ts'
import { LIVE_TABLES } from '../trace/tables.ts'
import { COMMANDS } from './commands.ts'

const SOURCES = new URL('..', import.meta.url).pathname
const FROZEN = readFileSync(new URL('frozen-names.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter(Boolean)

/** Names that scripts and readers of runs rely on, one per line: they may be added to frozen-names.txt, never removed. */
function names(): string[] {
  const code = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(SOURCES, file), 'utf8'))
    .join('\n')
  const found = (pattern: RegExp, kind: string) => [...code.matchAll(pattern)].map(([, name]) => `${kind} ${name}`)
  return [
    ...Object.entries(EXIT).map(([name, exit]) => `exit ${name} ${exit}`),
    ...COMMANDS.flatMap(({ name, options }) => options.map((option) => `option ${name} --${option}`)),
    ...Object.values(LIVE_TABLES).flatMap(({ name, columns }) =>
      Object.keys(columns).map((column) => `column ${name}.${column}`),
    ),
    ...RUN_VIEWS.flatMap(({ name, columns }) => Object.keys(columns).map((column) => `column ${name}.${column}`)),
    ...found(/'((?:usage|input|missing|unreachable|internal|storage)\/[a-z0-9-]+)'/g, 'error'),
    ...found(/'(layerline_[a-z0-9_]+)'/g, 'metric'),
  ]
}

test('flags, exit codes, error codes, columns and metrics that were published are still there', () => {
  const now = new Set(names())
  expect(FROZEN.length).toBeGreaterThan(500)
  expect(FROZEN.filter((name) => !now.has(name))).toEqual([])
})

import { resolve } from 'node:path'
import { errorText, LayerlineError } from '../base/errors.ts'
import { refuseForeign } from '../base/foreign-file.ts'
import { readSmallFile } from '../base/small-file.ts'

const MOST_BYTES = 1 << 20

export interface EnvEntry {
  value: string
  /** From 1. */
  line: number
  /** The first `$NAME` in it that nothing defines; it stays in the value as written. */
  unknownVariable: string | null
}

export interface EnvContext {
  /** The values of `$(pwd)` and `$PWD`. */
  cwd: string
  /** Where `$NAME` is looked up after the file's own earlier lines. */
  variables: Readonly<Record<string, string | undefined>>
}

/** Reads `NAME=value` lines, with or without `export`. Nothing is executed. Errors are `input/env` with file and line. */
export function readEnvFile(path: string, context: EnvContext = here()): Map<string, EnvEntry> {
  let bytes: Buffer
  try {
    bytes = readSmallFile(resolve(context.cwd, path), MOST_BYTES)
  } catch (cause) {
    throw new LayerlineError('input/env', `${path}: ${errorText(cause)}`, { cause })
  }
  refuseForeign(path, bytes, 'input/env', 'lines of NAME=value')
  return parseEnv(bytes.toString('utf8'), path, context)
}

/**
 * Values as a shell would read them: quotes, `\` before a special character, ` # comment`, `$NAME`, `$(pwd)`; except
 * that blanks may stand in a value without quotes. Any other `$(…)` or a backtick is refused.
 */
export function parseEnv(text: string, path: string, context: EnvContext = here()): Map<string, EnvEntry> {
  const entries = new Map<string, EnvEntry>()
  const lookUp = (name: string): string | undefined =>
    name === 'PWD' ? context.cwd : (entries.get(name)?.value ?? context.variables[name])
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = index + 1
    const content = raw.trim()
    if (content === '' || content.startsWith('#')) continue
    const match = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*/.exec(content)
    if (match === null) throw envError(`${path}:${line}`, 'expected NAME=value')
    const [start, name = ''] = match
    const value = readValue(content.slice(start.length), `${path}:${line}`, context.cwd, lookUp)
    entries.set(name, { ...value, line })
  }
  return entries
}

function readValue(
  text: string,
  place: string,
  cwd: string,
  lookUp: (name: string) => string | undefined,
): Omit<EnvEntry, 'line'> {
  let value = ''
  let unknownVariable: string | null = null
  let quote = ''
  // Blanks before a comment or the end of the line are no part of the value; quoted ones are.
  let kept = 0
  for (let at = 0; at < text.length; ) {
    const char = text.charAt(at)
    if (quote === '' && char === '#' && (at === 0 || /\s/.test(text.charAt(at - 1)))) break
    const special = quote === "'" ? null : expansion(text.slice(at), place)
    if (char === quote) {
      quote = ''
      kept = value.length
      at++
    } else if (quote === '' && (char === '"' || char === "'")) {
      quote = char
      at++
    } else if (special !== null) {
      const found = special.name === null ? cwd : lookUp(special.name)
      if (found === undefined) unknownVariable ??= special.name
      value += found ?? special.source
      at += special.source.length
      kept = value.length
    } else {
      const escapable = quote === '"' ? /["\\$`]/ : /["'\\$` #]/
      const escaped = quote !== "'" && char === '\\' && escapable.test(text.charAt(at + 1))
      if (escaped) at++
      value += text.charAt(at)
      if (escaped || quote !== '' || !/\s/.test(char)) kept = value.length
      at++
    }
  }
  if (quote !== '') throw envError(place, `a ${quote} that is not closed in its line`)
  return { value: value.slice(0, kept), unknownVariable }
}

/** `$NAME`, `${NAME}` or `$(pwd)` (its name null) at the start of a text. */
function expansion(text: string, place: string): { source: string; name: string | null } | null {
  if (!text.startsWith('$') && !text.startsWith('`')) return null
  const variable = /^\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})/.exec(text)
  if (variable !== null) return { source: variable[0], name: variable[1] ?? variable[2] ?? '' }
  const pwd = /^(?:\$\(\s*pwd\s*\)|`\s*pwd\s*`)/.exec(text)
  if (pwd !== null) return { source: pwd[0], name: null }
  if (!/^\$[^(]|^\$$/.test(text)) {
    throw envError(place, 'a command substitution; only $(pwd) is expanded, and nothing was executed', {
      hint: "write the value itself, or single quotes around it: '…'",
    })
  }
  return null
}

function envError(place: string, what: string, options: { hint?: string } = {}): LayerlineError {
  return new LayerlineError('input/env', `${place}: ${what}`, options)
}

function here(): EnvContext {
  return { cwd: process.cwd(), variables: process.env }
}

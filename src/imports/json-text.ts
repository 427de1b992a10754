/** Strings, and the words for numbers that JSON does not have, as Python, C and JavaScript write them. */
const TOKENS = /"(?:[^"\\]|\\[\s\S])*"|[-+]?\b(?:nan|inf(?:inity)?)\b(?:\(\w*\))?/gi
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what JSON forbids within strings.
const CONTROLS = /[\u0000-\u001f]/g

/**
 * A text as strict JSON: as it is, else with `NaN`, `Infinity` and their like as null and with control characters in
 * strings escaped; null where that is no JSON either.
 */
export function validJson(text: string): string | null {
  if (isJson(text)) return text
  const strict = text.replace(TOKENS, (token) => (token.startsWith('"') ? token.replace(CONTROLS, escaped) : 'null'))
  return isJson(strict) ? strict : null
}

function escaped(control: string): string {
  return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

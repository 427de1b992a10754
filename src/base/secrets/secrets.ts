import { credentialsIn } from './credentials.ts'
import { SecretBook } from './secret-book.ts'
import { isSecretHeader, isSecretName, looksLikeKey } from './secret-names.ts'

/**
 * One book per process: secrets are learnt where options, settings and files are read, and redacted where text leaves.
 */
const BOOK = new SecretBook()

/** Redacts every secret that this process knows in a text, whatever its origin. */
export function redact(text: string): string {
  return BOOK.redact(text)
}

/** Learns a value that is a secret: an API key, or a header's value, with or without its scheme. */
export function learnSecret(value: string): void {
  const text = value.trim()
  const [, scheme = '', rest = text] = /^([A-Za-z][\w-]*)\s+(\S.*)$/s.exec(text) ?? []
  BOOK.add(rest)
  if (/^basic$/i.test(scheme)) learnPair(Buffer.from(rest, 'base64').toString('utf8'))
  else if (scheme !== '') BOOK.add(text)
  // `a=1; b=2`: a cookie, or the parameters of a scheme.
  if (/[=;,]/.test(rest)) for (const [, part = ''] of rest.matchAll(/=\s*"?([^;,"\s]+)/g)) BOOK.add(part)
}

/**
 * Learns all secrets in a value from outside: by its name, by the names within it, by its shape, and user names,
 * passwords and keys in URLs. Objects and lists are walked completely.
 */
export function learnSecrets(name: string, value: unknown): void {
  if (typeof value === 'string') {
    if (isSecretName(name)) learnSecret(value)
    else if (looksLikeKey(value) || /^(bearer|basic)\s/i.test(value)) learnSecret(value)
    learnCredentials(value)
  } else if (Array.isArray(value)) for (const each of value) learnSecrets(name, each)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) learnSecrets(isSecretName(name) ? name : key, each)
  }
}

/** Learns the secret values of headers. */
export function learnHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (isSecretHeader(name, value)) learnSecret(value)
    else learnSecrets(name, value)
  }
}

/** Learns the credentials of URLs in a text. */
export function learnCredentials(text: string): void {
  for (const found of credentialsIn(text)) {
    if (found.kind === 'query') learnSecret(found.value)
    else learnPair(found.value)
  }
}

/** `user:password`, or a single name before the `@`. */
function learnPair(pair: string): void {
  const colon = pair.indexOf(':')
  BOOK.add(pair.slice(colon + 1))
  if (colon === -1) return
  BOOK.add(pair, true)
  const user = pair.slice(0, colon)
  // A user name is not a secret, but a key before an empty password is.
  if (colon === pair.length - 1 || looksLikeKey(user)) BOOK.add(user)
}

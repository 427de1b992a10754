import { learnHeaders, learnSecret, redact } from '../../base/secrets/secrets.ts'

/** Redacts secrets in any text, whatever its origin. */
export type Redact = (text: string) => string

/** Learns a target's key and secret headers; the returned function redacts these, and all other known secrets. */
export function redactor(apiKey: string | undefined, headers: Record<string, string>): Redact {
  if (apiKey !== undefined) learnSecret(apiKey)
  learnHeaders(headers)
  return redact
}

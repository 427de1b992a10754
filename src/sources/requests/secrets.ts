import { learnHeaders, learnSecret, redact } from '../../base/secrets/secrets.ts'

/** Takes secrets out of any text, whoever wrote it. */
export type Redact = (text: string) => string

/** Learns a target's key and secret headers; what it gives back takes out these, and all others that are known. */
export function redactor(apiKey: string | undefined, headers: Record<string, string>): Redact {
  if (apiKey !== undefined) learnSecret(apiKey)
  learnHeaders(headers)
  return redact
}

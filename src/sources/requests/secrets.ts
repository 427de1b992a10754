const SECRET_HEADER = /auth|key|token|secret|cookie/i

/** Takes the API key and the values of secret headers out of any text, whoever wrote it. */
export type Redact = (text: string) => string

export function redactor(apiKey: string | undefined, headers: Record<string, string>): Redact {
  const secrets = new Set<string>()
  if (apiKey !== undefined) secrets.add(apiKey)
  for (const [name, value] of Object.entries(headers)) {
    if (!SECRET_HEADER.test(name)) continue
    secrets.add(value)
    const credentials = value.split(' ').at(-1)
    if (credentials !== undefined) secrets.add(credentials)
  }
  const known = [...secrets].filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length)
  return (text) => known.reduce((clean, secret) => clean.replaceAll(secret, '***'), text)
}

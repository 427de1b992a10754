import { isSecretName } from '../base/secrets/secret-names.ts'
import { learnCredentials, learnHeaders, learnSecret, learnSecrets } from '../base/secrets/secrets.ts'

/** Learns the secrets of a command line before it is parsed: a usage error quotes it. */
export function learnFromArguments(argv: readonly string[]): void {
  argv.forEach((word, i) => {
    learnCredentials(word)
    const [, name = '', own] = /^--?([\w-]+)(?:=(.*))?$/s.exec(word) ?? []
    if (name === '') return
    const next = argv[i + 1]
    const value = own ?? (next?.startsWith('--') === true ? undefined : next)
    if (value === undefined) return
    if (name === 'header') learnHeader(value)
    else if (name === 'body') learnBody(value)
    else if (/^(api-?)?(key|token)$|password|secret/.test(name)) learnSecret(value)
    else learnSecrets('', value)
  })
}

function learnHeader(text: string): void {
  const colon = text.indexOf(':')
  if (colon === -1) learnSecret(text)
  else learnHeaders({ [text.slice(0, colon).trim()]: text.slice(colon + 1).trim() })
}

/** JSON, or text that should be: matches anything in quotes after a secret's name. */
function learnBody(text: string): void {
  try {
    learnSecrets('', JSON.parse(text))
  } catch {
    for (const [, name = '', value = ''] of text.matchAll(/["']?([\w-]+)["']?\s*[:=]\s*["']?([^"',}\s]+)/g)) {
      if (isSecretName(name)) learnSecret(value)
    }
  }
}

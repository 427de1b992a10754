import { isSecretName } from './secret-names.ts'

const HIDDEN = '[hidden]'

/** What is before the `@` of a URL; a password may contain another `@`. */
const IN_URL = /([\w+.-]*:)?\/\/([^\s/"'?#\\]+)@/g
/** The same without a scheme: `user:key@host:8000`; but not `step:5@0s`, an arrival process, where a time follows. */
const WITHOUT_SCHEME =
  /((?:^|[\s"'(=,])(?:dcgm:)?)([\w.~%+-]+:[^\s/@"'(),=?#]+)@(?!\d[\d.]*(?:ms|s|m|h)(?![\w.-]))(?=[\w.[-])/g
const PARAMETER = /([?&;])([\w.~%-]+)=([^&#\s"'<>]*)/g

export interface Credentials {
  readonly kind: 'user' | 'query'
  readonly value: string
}

/** User names with passwords, keys and secret query parameters of the URLs in a text, as written and decoded. */
export function credentialsIn(text: string): Credentials[] {
  const found: Credentials[] = []
  const add = (kind: Credentials['kind'], value: string) => {
    for (const each of new Set([value, decoded(value)])) found.push({ kind, value: each })
  }
  for (const [, scheme, user = ''] of text.matchAll(IN_URL)) if (!isLogin(scheme, user)) add('user', user)
  for (const [, , user = ''] of text.matchAll(WITHOUT_SCHEME)) add('user', user)
  for (const [, , name = '', value = ''] of text.matchAll(PARAMETER)) {
    if (value !== '' && isSecretName(decoded(name))) add('query', value)
  }
  return found
}

/** A URL text that may be shown: without `user:password@`, the values of secret query parameters hidden. */
export function withoutCredentials(text: string): string {
  return text
    .replace(IN_URL, (all, scheme: string | undefined, user: string) =>
      isLogin(scheme, user) ? all : `${scheme ?? ''}//`,
    )
    .replace(WITHOUT_SCHEME, '$1')
    .replace(PARAMETER, (all, before: string, name: string, value: string) =>
      value !== '' && isSecretName(decoded(name)) ? `${before}${name}=${HIDDEN}` : all,
    )
}

/** `ssh://user@host`: the user name is not a secret, and is needed. */
function isLogin(scheme: string | undefined, user: string): boolean {
  return scheme === 'ssh:' && !user.includes(':')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

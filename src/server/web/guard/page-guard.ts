import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { hostname } from 'node:os'

/** Whose requests the page answers. */
export interface PageGuard {
  /** What it listens on is this machine alone. */
  readonly loopback: boolean
  /** Needed beyond loopback; null: not asked for. */
  readonly token: string | null
}

export interface GuardedRequest {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly site: string | undefined
  readonly token: string | undefined
}

/** Nothing from elsewhere is loaded, and no script but the page's own runs. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
}

/** Why a request is refused, or null. A page of another site may have its name lead here (DNS rebinding), or send a form here. */
export function refusal(guard: PageGuard, request: GuardedRequest): { status: 401 | 403; text: string } | null {
  if (!isOwnHost(guard, request.host))
    return { status: 403, text: 'this name does not lead here: ask for the address that was printed' }
  if (request.origin !== undefined && !isSameOrigin(request.origin, request.host)) {
    return { status: 403, text: 'a page of another site asked' }
  }
  if (
    request.method !== 'GET' &&
    request.method !== 'HEAD' &&
    ['cross-site', 'same-site'].includes(request.site ?? '')
  ) {
    return { status: 403, text: 'a page of another site asked' }
  }
  if (guard.token !== null && !isToken(guard.token, request.token)) {
    return { status: 401, text: 'a token is needed: open the whole address that was printed' }
  }
  return null
}

function isOwnHost({ loopback }: PageGuard, host: string | undefined): boolean {
  if (host === undefined) return false
  const [, name = ''] = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(host) ?? []
  const bare = name.replace(/^\[|\]$/g, '').toLowerCase()
  if (/^(localhost|127(\.\d{1,3}){3}|::1)$/.test(bare)) return true
  // Addresses cannot be rebound by DNS, so any address is accepted; of names only the machine's own.
  return !loopback && (isIP(bare) !== 0 || bare === hostname().toLowerCase())
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  return origin === `http://${host}` || origin === `https://${host}`
}

function isToken(expected: string, given: string | undefined): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return given !== undefined && timingSafeEqual(digest(expected), digest(given))
}

import { useEffect, useState } from 'preact/hooks'

/** Where the page is: `#/run/ID/timeline?from=…`. */
export interface Route {
  readonly parts: readonly string[]
  readonly query: URLSearchParams
}

export function readRoute(hash = location.hash): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const parts = path.split('/').filter(Boolean).map(decoded)
  return { parts, query: new URLSearchParams(query) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function href(parts: readonly string[], query: Readonly<Record<string, string | number>> = {}): string {
  const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)])).toString()
  return `#/${parts.map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`
}

export function go(parts: readonly string[], query: Readonly<Record<string, string | number>> = {}): void {
  location.hash = href(parts, query)
}

/** Keeps what is seen in the address, without a step in the history. */
export function rewrite(parts: readonly string[], query: Readonly<Record<string, string | number>>): void {
  history.replaceState(null, '', href(parts, query))
}

export function useRoute(): Route {
  const [route, setRoute] = useState(readRoute)
  useEffect(() => {
    const onChange = () => setRoute(readRoute())
    addEventListener('hashchange', onChange)
    return () => removeEventListener('hashchange', onChange)
  }, [])
  return route
}

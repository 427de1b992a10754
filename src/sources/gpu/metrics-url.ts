/** The URL of a page of metrics: a base means its /metrics. Null where it is no http URL. */
export function metricsUrl(text: string): string | null {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return null
  const url = new URL(text)
  if (url.pathname === '/' || url.pathname === '') url.pathname = '/metrics'
  return url.href
}

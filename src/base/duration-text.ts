const SECONDS_OF: Readonly<Record<string, number>> = {
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  min: 60,
  h: 3600,
  d: 86_400,
}

/** Seconds of `5`, `5s`, `500ms`, `10m`, `1h30m`; a plain number is seconds. NaN if the text is not a duration. */
export function parseSeconds(text: string): number {
  const parts = /^(?:\d+(?:\.\d+)?[a-zµ]+){2,}$/.test(text) ? text.match(/[\d.]+[a-zµ]+/g) : null
  if (parts !== null) return parts.reduce((sum, part) => sum + parseSeconds(part), 0)
  const [, number = '', unit = 's'] = /^\s*(-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-zµ]*)\s*$/i.exec(text) ?? []
  const per = SECONDS_OF[unit === '' ? 's' : unit]
  return number === '' || per === undefined ? Number.NaN : Number((Number(number) * per).toPrecision(15))
}

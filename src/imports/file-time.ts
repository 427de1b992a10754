const STAMP = /^(\d{4})[-/](\d\d)[-/](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?$/

/**
 * `2025/07/11 18:47:11.455`, `2025-07-11T16:47:11.470338Z` and the like, in µs since 1970 on the clock that wrote it: a
 * zone is applied; without one the text is taken as it is. NaN for anything else. Finer digits are dropped.
 */
export function parseStampUs(text: string): number {
  const match = STAMP.exec(text)
  if (match === null) return Number.NaN
  const [, year, month, day, hour, minute, second, fraction = '', zone] = match
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  const date = new Date(ms)
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return Number.NaN
  if (date.getUTCHours() !== Number(hour) || date.getUTCMinutes() !== Number(minute)) return Number.NaN
  return ms * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6)) - zoneUs(zone)
}

function zoneUs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))
  return (zone.startsWith('-') ? -minutes : minutes) * 60e6
}

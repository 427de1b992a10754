/** The limit of all waits of one request together; past it the request fails instead. */
const LONGEST_MS = 300_000
const FIRST_BACKOFF_MS = 500
/** A fraction of a second is no `Retry-After` of RFC 9110; a server that means one gets at least this. */
const SHORTEST_MS = 400
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** The three forms of an HTTP date (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT` and the two old ones. */
const DATES = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d\d) (?<month>\w{3}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d\d)-(?<month>\w{3})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>\w{3}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/,
]

/** A server that is full, not one that fails. */
export function isBusy(httpStatus: number | null): boolean {
  return httpStatus === 429 || httpStatus === 503
}

/**
 * How long a full server is left alone before the next try, ms: its Retry-After, where that is valid (RFC 9110, 10.2.3; 0 and
 * a past date mean at once), else 0.5 s doubled with every try. Null where all waits together would be longer than a run
 * should wait.
 */
export function retryWaitMs(
  header: string | null,
  tries: number,
  waitedMs: number,
  nowUnixMs = Date.now(),
): number | null {
  const waitMs = askedMs(header?.trim() ?? '', nowUnixMs) ?? FIRST_BACKOFF_MS * 2 ** tries
  return waitedMs + waitMs > LONGEST_MS ? null : waitMs
}

function askedMs(text: string, nowUnixMs: number): number | null {
  if (/^\d+$/.test(text)) return Number(text) * 1000
  if (/^\d+\.\d+$/.test(text)) return Math.max(SHORTEST_MS, Number(text) * 1000)
  const unixMs = httpDate(text, nowUnixMs)
  return unixMs === null ? null : Math.max(0, unixMs - nowUnixMs)
}

function httpDate(text: string, nowUnixMs: number): number | null {
  for (const form of DATES) {
    const parts = form.exec(text)?.groups
    if (parts === undefined) continue
    const [hours = 0, minutes = 0, seconds = 0] = (parts.time ?? '').split(':').map(Number)
    const month = MONTHS.indexOf(parts.month ?? '')
    const year = fullYear(parts.year ?? '', nowUnixMs)
    const midnight = new Date(Date.UTC(year, month, Number(parts.day)))
    // Neither a 31st of April nor a 25th hour; 60 is a leap second.
    if (month < 0 || midnight.getUTCMonth() !== month || hours > 23 || minutes > 59 || seconds > 60) return null
    return midnight.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1000
  }
  return null
}

/** Two digits that would lie more than 50 years ahead are of the past (RFC 9110, 5.6.7). */
function fullYear(text: string, nowUnixMs: number): number {
  if (text.length > 2) return Number(text)
  const now = new Date(nowUnixMs).getUTCFullYear()
  const year = now - (now % 100) + Number(text)
  return year > now + 50 ? year - 100 : year
}

import { fieldText } from './numbers.ts'

const ZERO = 0x30
/** Of `2023-11-16 18:17`. */
const MINUTE_BYTES = 16
/** us in the last digit of a fraction of so many digits; 1 where there are six or more. */
const SCALES = [1e6, 1e5, 1e4, 1e3, 100, 10]
const ISO = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]| ?UTC|[+-]\d\d(:?\d\d)?)?)?$/

/**
 * `2023-11-16 18:17:03.9799600`, `2024-05-12T00:00:00+00:00`, with any number of digits after the point or none, in one
 * file or mixed: us since 1970, to the nearest. Without a zone it is UTC. NaN if it is no time.
 */
export class StampParser {
  /** `2023-11-16 18:17` as it was read last, and its us: in a trace the next row is mostly of the same minute. */
  private readonly minute = new Uint8Array(MINUTE_BYTES)
  private minuteUs = Number.NaN

  parse(bytes: Uint8Array, from: number, to: number): number {
    if (to - from < MINUTE_BYTES + 3 || bytes[from + MINUTE_BYTES] !== 0x3a) return this.slow(bytes, from, to)
    const { minute } = this
    for (let i = MINUTE_BYTES - 1; i >= 0; i--) {
      if (bytes[from + i] === minute[i]) continue
      if (!this.takeMinute(bytes, from)) return this.slow(bytes, from, to)
      break
    }
    let at = from + MINUTE_BYTES + 3
    const second = two(bytes, at - 2)
    if (!(second <= 60)) return Number.NaN
    let us = this.minuteUs + second * 1e6
    if (at < to && bytes[at] === 0x2e) {
      const start = ++at
      let fraction = 0
      for (; at < to; at++) {
        const digit = (bytes[at] as number) - ZERO
        if (digit < 0 || digit > 9) break
        if (at < start + 6) fraction = fraction * 10 + digit
        else if (at === start + 6 && digit >= 5) fraction++
      }
      if (at === start) return Number.NaN
      us += fraction * (SCALES[at - start] ?? 1)
    }
    if (at === to) return us
    const zone = bytes[at]
    if ((zone === 0x2b || zone === 0x2d) && to - at === 6 && bytes[at + 3] === 0x3a) {
      const offset = (two(bytes, at + 1) * 60 + two(bytes, at + 4)) * 60e6
      return zone === 0x2b ? us - offset : us + offset
    }
    return this.slow(bytes, from, to)
  }

  /** Keeps the minute that begins there; false if it is not in the usual form. */
  private takeMinute(bytes: Uint8Array, from: number): boolean {
    const separator = bytes[from + 10]
    if (bytes[from + 4] !== 0x2d || bytes[from + 7] !== 0x2d || bytes[from + 13] !== 0x3a) return false
    if (separator !== 0x20 && separator !== 0x54) return false
    const year = two(bytes, from) * 100 + two(bytes, from + 2)
    const hour = two(bytes, from + 11)
    const minute = two(bytes, from + 14)
    const isThere = hour <= 23 && minute <= 59
    this.minuteUs = isThere
      ? dayStart(year, two(bytes, from + 5), two(bytes, from + 8)) + (hour * 60 + minute) * 60e6
      : Number.NaN
    this.minute.set(bytes.subarray(from, from + MINUTE_BYTES))
    return true
  }

  /** The same from a text. */
  parseText(text: string): number {
    const bytes = Buffer.from(text)
    return this.parse(bytes, 0, bytes.length)
  }

  /** Forms that are rare: quotes or blanks around it, `Z`, `+0100`, no seconds, a date alone. */
  private slow(bytes: Uint8Array, from: number, to: number): number {
    const text = fieldText(bytes, from, to)
    if (!ISO.test(text)) return Number.NaN
    const [, date = '', time = '00:00', zone = 'Z'] =
      /^(.{10})(?:[T ](\d\d:\d\d[\d:.,]*))?(?: ?(Z|z|UTC|[+-][\d:]+))?$/.exec(text) ?? []
    const clock = time.replace(',', '.')
    const usual = `${date} ${clock.length === 5 ? `${clock}:00` : clock}${zoneText(zone)}`
    // What is in the usual form already, and was refused, is none.
    if (usual === Buffer.from(bytes.subarray(from, to)).toString()) return Number.NaN
    return this.parseText(usual)
  }
}

function zoneText(zone: string): string {
  if (!/^[+-]/.test(zone)) return ''
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0')
  return `${zone.charAt(0)}${digits.slice(0, 2)}:${digits.slice(2)}`
}

function two(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] as number) - ZERO
  const ones = (bytes[at + 1] as number) - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}

/** us since 1970 of a day; NaN for one that there is not. */
function dayStart(year: number, month: number, ofMonth: number): number {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, ofMonth)
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === ofMonth ? date.getTime() * 1000 : Number.NaN
}

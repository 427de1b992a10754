const ZERO = 0x30
const SPACE = 0x20
const TAB = 0x09
const QUOTE = 0x22
const MAX_COUNT = 0xfffffffe

/**
 * A whole number of 0 to 2^32 - 2 in bytes[from, to): `4808`, `"4808"`, ` 4808 `, `4808.0` as data frames write it.
 * -1 if it is none.
 */
export function parseCount(bytes: Uint8Array, from: number, to: number): number {
  let value = 0
  let at = from
  for (; at < to; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
  }
  if (at === to && at > from) return value <= MAX_COUNT ? value : -1
  const text = fieldText(bytes, from, to)
  const number = /^\+?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : -1
  return Number.isInteger(number) && number <= MAX_COUNT ? number : -1
}

/**
 * A decimal number in bytes[from, to) times `scale`, to the nearest whole number; digits past the ninth after the point
 * do not count. The parts before and after the point are taken apart, so that nothing is lost where a double could not
 * hold both. NaN if it is none.
 */
export function parseScaled(bytes: Uint8Array, from: number, to: number, scale: number): number {
  let at = from
  const isNegative = bytes[at] === 0x2d
  if (isNegative) at++
  const start = at
  let whole = 0
  for (; at < to; at++) {
    const digit = (bytes[at] as number) - ZERO
    if (digit < 0 || digit > 9) break
    whole = whole * 10 + digit
  }
  if (at === to && at > start) return signed(isNegative, Math.round(whole * scale))
  let fraction = 0
  let unit = 1
  if (at > start && bytes[at] === 0x2e) {
    for (at++; at < to; at++) {
      const digit = (bytes[at] as number) - ZERO
      if (digit < 0 || digit > 9) break
      if (unit === 1e9) continue
      fraction = fraction * 10 + digit
      unit *= 10
    }
    if (at === to) return signed(isNegative, Math.round(whole * scale) + Math.round((fraction * scale) / unit))
  }
  const text = fieldText(bytes, from, to)
  return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Math.round(Number(text) * scale) : Number.NaN
}

function signed(isNegative: boolean, value: number): number {
  return isNegative && value !== 0 ? -value : value
}

/** A field's text: without spaces and quotes around it, a doubled quote as one. */
export function fieldText(bytes: Uint8Array, from: number, to: number): string {
  while (from < to && isBlank(bytes[from] as number)) from++
  while (to > from && isBlank(bytes[to - 1] as number)) to--
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (to - from >= 2 && bytes[from] === QUOTE && bytes[to - 1] === QUOTE)
    return buffer.toString('utf8', from + 1, to - 1).replaceAll('""', '"')
  return buffer.toString('utf8', from, to)
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === 0x0d
}

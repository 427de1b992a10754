/** Three significant digits, no exponent, thousands apart; the unit is the caller's. */
export function threeDigits(value: number): string {
  const size = Math.abs(value)
  if (size === 0) return '0'
  const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export function wholeNumber(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** `many('request', 3)` -> `3 requests`. */
export function many(word: string, n: number): string {
  return `${wholeNumber(n)} ${word}${n === 1 ? '' : 's'}`
}

/** The unit in which a duration reads best, and what to divide ms by. */
export function durationUnit(ms: number): { unit: 'µs' | 'ms' | 's'; perMs: number } {
  const size = Math.abs(ms)
  if (size >= 1000) return { unit: 's', perMs: 1e-3 }
  return size >= 0.9995 || size === 0 ? { unit: 'ms', perMs: 1 } : { unit: 'µs', perMs: 1e3 }
}

export function duration(ms: number): string {
  const { unit, perMs } = durationUnit(ms)
  return `${threeDigits(ms * perMs)} ${unit}`
}

/** `12 %`, `0.4 %`, `<0.1 %`: never 0 % of an amount above zero, nor 100 % of an incomplete one. */
export function percent(ratio: number): string {
  const value = ratio * 100
  if (value === 0 || value === 100) return `${value} %`
  if (Math.abs(value) < 0.1) return value < 0 ? '>-0.1 %' : '<0.1 %'
  if (value > 99.5 && value < 100) return `${(Math.floor(value * 10) / 10).toFixed(1)} %`
  return `${Math.abs(value) < 9.95 ? value.toFixed(1) : value.toFixed(0)} %`
}

export function bytes(value: number): string {
  const size = Math.abs(value)
  const [unit, scale] = size >= 1e9 ? ['GB', 1e9] : size >= 1e6 ? ['MB', 1e6] : size >= 1e3 ? ['kB', 1e3] : ['B', 1]
  return scale === 1 ? `${wholeNumber(value)} B` : `${threeDigits(value / (scale as number))} ${unit}`
}

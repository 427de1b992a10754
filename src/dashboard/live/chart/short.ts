/** Shown instead of a missing value. */
export const NONE = '–'

const SUFFIXES = ['', 'k', 'M', 'G', 'T']

/** Three significant digits in at most five columns: `8.24`, `82.4`, `824`, `1.20k`. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return NONE
  const negative = value < 0 ? '-' : ''
  let size = Math.abs(value)
  if (size < 0.005) return '0'
  let step = 0
  while (size >= 999.5 && step < SUFFIXES.length - 1) {
    size /= 1000
    step++
  }
  const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2
  return `${negative}${size.toFixed(digits)}${SUFFIXES[step]}`
}

/** A whole number as long as it is short: `7`, `950`, `12.4k`. */
export function shortCount(value: number): string {
  return Number.isFinite(value) && Math.abs(value) < 999.5 ? String(Math.round(value)) : shortNumber(value)
}

/** `85.0µs`, `8.24ms`, `12.0s`, `25.0min`: seven columns at most. */
export function shortDuration(ns: number): string {
  if (!Number.isFinite(ns)) return NONE
  if (Math.abs(ns) < 5) return '0ms'
  const us = ns / 1e3
  if (Math.abs(us) < 999.5) return `${shortNumber(us)}µs`
  if (Math.abs(us) < 999.5e3) return `${shortNumber(us / 1e3)}ms`
  if (Math.abs(us) < 999.5e6) return `${shortNumber(us / 1e6)}s`
  return `${shortNumber(us / 60e6)}min`
}

/** `824B`, `1.20kB`, `34.0MB`. */
export function shortBytes(value: number): string {
  return Number.isFinite(value) ? `${Math.abs(value) < 999.5 ? Math.round(value) : shortNumber(value)}B` : NONE
}

export function shortShare(value: number): string {
  return Number.isFinite(value) ? `${Math.round(value * 100)}%` : NONE
}

/** `0:07`, `12:30`, `1:02:03`. */
export function clockTime(ns: number): string {
  const seconds = Math.max(0, Math.floor(ns / 1e9))
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** Without the zeros that a round value does not need: `1.50k` -> `1.5k`, `2.00ms` -> `2ms`. */
export function trimmed(text: string): string {
  return text.replace(/\.(\d*?)0+(?=\D|$)/, (_, kept: string) => (kept === '' ? '' : `.${kept}`))
}

import { LayerlineError } from '../../base/errors.ts'
import { StampParser } from '../trace-rows/bytes/stamp.ts'

/** A place in a trace: after its first row, or an instant. */
export type TraceTime = { readonly afterUs: number } | { readonly atUs: number }

const UNITS: Record<string, number> = { us: 1, ms: 1e3, s: 1e6, m: 60e6, h: 3600e6, d: 86_400e6 }
const DURATION = /^(?:\d+(?:\.\d*)?|\.\d+)(?:us|ms|s|m|h|d)?$/
const PARTS = /^(?:\d+(?:\.\d*)?(?:us|ms|s|m|h|d))+$/

/** `90`, `90s`, `10m`, `1h30m`, `2d` after the trace's first row, or `2023-11-16T18:20:00Z`. `flag` is for the message. */
export function parseTraceTime(text: string, flag: string): TraceTime {
  const trimmed = text.trim()
  if (DURATION.test(trimmed) || PARTS.test(trimmed)) {
    let us = 0
    for (const [, number, unit] of trimmed.matchAll(/(\d+\.?\d*|\.\d+)(us|ms|s|m|h|d)?/g))
      us += Number(number) * (UNITS[unit ?? 's'] as number)
    return { afterUs: Math.round(us) }
  }
  const atUs = new StampParser().parseText(trimmed)
  if (Number.isFinite(atUs)) return { atUs }
  throw new LayerlineError(
    'usage/trace-time',
    `${flag} ${text}: expected seconds after the trace's first row, a duration such as 10m or 1h30m, or an instant such as 2023-11-16T18:20:00Z`,
  )
}

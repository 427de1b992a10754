import type { ArrivalSchedule } from '../arrivals/arrival.ts'
import { type BoundedDraw, parseDraw } from '../distributions/bounded-draw.ts'
import { badSpec, splitSpec } from '../distributions/spec-text.ts'
import { type EmpiricalLengths, empiricalLengths } from './empirical.ts'
import { type RequestLengths, requestLengths } from './request-lengths.ts'

/** No server accepts more; a heavy tail is cut there, and counted. */
export const MOST_TOKENS = 10_000_000

/** Opens a trace that lengths are drawn from; it is closed once they are read. */
export type OpenLengths = (file: string) => Promise<ArrivalSchedule>

export type LengthSpec = BoundedDraw | { readonly empirical: string }

/** Reads `512`, `lognormal:800,600`, `empirical:FILE` and the like. Throws `usage/spec`. */
export function parseLengths(option: string, text: string): LengthSpec {
  const { name, rest } = splitSpec(text)
  if (name !== 'empirical') return parseDraw(option, text, 'count', { min: 1, max: MOST_TOKENS })
  if (rest === '') throw badSpec({ option, text, syntax: 'empirical:FILE' }, 'no file')
  return { empirical: rest }
}

/** Opens the traces that the lengths are drawn from, each once. */
export async function resolveLengths(
  input: LengthSpec,
  output: LengthSpec | null,
  seed: number,
  open: OpenLengths,
): Promise<RequestLengths> {
  const read = new Map<string, EmpiricalLengths>()
  const side = async (spec: LengthSpec) => {
    if (!('empirical' in spec)) return spec
    const file = spec.empirical
    const known = read.get(file)
    if (known !== undefined) return known
    const trace = await open(file)
    try {
      const lengths = await empiricalLengths(file, trace, seed)
      read.set(file, lengths)
      return lengths
    } finally {
      await trace.close?.()
    }
  }
  return requestLengths(await side(input), output && (await side(output)))
}

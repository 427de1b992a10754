/** Pixels of a tile. */
export const TILE_BINS = 512
/** A pixel is 2^level us; levels are even, as those of `mips`. */
export const MIN_LEVEL = -10
export const MAX_LEVEL = 26
/** The finest level of `mips`. */
export const MIP_LEVEL = 12

export function binNs(level: number): number {
  return 1000 * 2 ** level
}

/** The time that a tile covers, from its start until before its end. */
export function tileSpan(level: number, index: number): { fromNs: number; toNs: number; width: number } {
  const width = binNs(level)
  return { fromNs: index * TILE_BINS * width, toNs: (index + 1) * TILE_BINS * width, width }
}

/** The coarsest even level at which a tile holds at most `most` of `n` rows that are spread over `spanNs`. */
export function levelFor(n: number, spanNs: number, most: number): number {
  if (n <= most) return MAX_LEVEL
  for (let level = MAX_LEVEL; level > MIN_LEVEL; level -= 2) {
    if ((n * TILE_BINS * binNs(level)) / Math.max(1, spanNs) <= most) return level
  }
  return MIN_LEVEL
}

const HEIGHTS = '▁▂▃▄▅▆▇█'
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** One block per value, its height from 0 to `max`; every value above 0 shows. */
export function sparkline(values: readonly number[], max: number): string {
  return values
    .map((value) => HEIGHTS[Math.min(7, Math.max(0, Math.ceil((value / (max || 1)) * 8) - 1))] as string)
    .join('')
}

/** A bar of `share` of `width` columns, to an eighth of one. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8)
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] as string)
}

/**
 * Tracks that show the power of a GPU, the closest to the moment first. Where one figure stands for a GPU's power (the
 * metrics page, exports, the report), it is the first of these that has a value. Only energy asks more: it sums the
 * gauge whose sensor samples most often.
 */
export const POWER_TRACKS = ['power_draw_instant_w', 'power_draw_w', 'power_draw_average_w'] as const
export type PowerTrack = (typeof POWER_TRACKS)[number]

/** The first value that exists, in order of POWER_TRACKS. */
export function powerOf<T>(wattsOf: (track: PowerTrack) => T | null): T | null {
  for (const track of POWER_TRACKS) {
    const value = wattsOf(track)
    if (value !== null) return value
  }
  return null
}

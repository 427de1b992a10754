import { LayerlineError } from '../../../base/errors.ts'

/** When a profiler is to run, s: from how long after the first request may go out, and for how long. */
export interface ProfileWindow {
  readonly startS: number
  readonly durationS: number
}

/** A profile holds every operator: a second of it is a file of megabytes. */
export const DEFAULT_WINDOW = '0+1'
const MOST_S = 3600

/** Reads `START+DURATION`, seconds, `2+0.5` or `2s+500ms`; throws `usage/profile-window`. */
export function parseProfileWindow(text: string, place = '--profile-window'): ProfileWindow {
  const match = /^(\d+(?:\.\d+)?)(ms|s)?\+(\d+(?:\.\d+)?)(ms|s)?$/.exec(text.replaceAll(' ', ''))
  const seconds = (value: string | undefined, unit: string | undefined) => Number(value) / (unit === 'ms' ? 1000 : 1)
  const window = { startS: seconds(match?.[1], match?.[2]), durationS: seconds(match?.[3], match?.[4]) }
  if (match !== null && window.durationS > 0 && window.durationS <= MOST_S && window.startS <= 24 * MOST_S)
    return window
  throw new LayerlineError('usage/profile-window', `${place} ${text}: expected START+DURATION in seconds, like 2+1`, {
    hint: `START counts from the first request on; a profile lasts at most ${MOST_S} s, and a second is much`,
  })
}

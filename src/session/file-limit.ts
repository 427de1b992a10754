import { readFileSync } from 'node:fs'
import { LayerlineError } from '../base/errors.ts'

/** Files that a recording process has open beside a socket for each request: the store, sources, tools. */
const OTHER_FILES = 120
/** If nothing bounds the requests in flight, answers are assumed to take this long. */
const LONG_ANSWER_S = 60

export interface PlannedLoad {
  /** Most requests in flight at once, over all processes; null: no ceiling. */
  readonly inFlight: number | null
  /** Requests per second of an open loop; null where that is not known. */
  readonly perSecond: number | null
  readonly requests: number | null
  /** Processes that share them. */
  readonly workers: number
}

/**
 * How many files a process may have open here; null if the system does not report it. Node has raised it as far as it
 * may.
 */
export function openFileLimit(path = '/proc/self/limits'): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(path, 'utf8'))?.[1]
    return soft === undefined ? null : Number(soft)
  } catch {
    return null
  }
}

/**
 * Throws `missing/open-files` where a process may open fewer files than the requests in flight need. Where nothing bounds
 * these, returns what the user should know, or null.
 */
export function checkOpenFiles(load: PlannedLoad, limit = openFileLimit()): string | null {
  if (limit === null) return null
  const { inFlight, perSecond, requests, workers } = load
  const most = Math.min(inFlight ?? Number.POSITIVE_INFINITY, requests ?? Number.POSITIVE_INFINITY)
  const need = Math.ceil(most / workers) + OTHER_FILES
  if (inFlight !== null && need > limit) {
    throw new LayerlineError(
      'missing/open-files',
      `${most} requests in flight need ${need} open files in a process, and this one may open ${limit}`,
      {
        hint: `ulimit -n ${need} (as root if the hard limit, ulimit -Hn, is lower), or fewer at once, or more --workers`,
      },
    )
  }
  if (inFlight !== null || perSecond === null) return null
  const atOnce = Math.min(Math.ceil((perSecond * LONG_ANSWER_S) / workers), most)
  if (atOnce + OTHER_FILES <= limit) return null
  const seconds = Math.max(0, ((limit - OTHER_FILES) * workers) / perSecond)
  return `a process here may open ${limit} files: at ${perSecond} requests a second they are used up if answers take longer than ${seconds.toPrecision(2)} s; ulimit -n ${atOnce + OTHER_FILES} is enough for answers of ${LONG_ANSWER_S} s`
}

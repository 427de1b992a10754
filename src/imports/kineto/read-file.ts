import type { Implausible } from './plausible-times.ts'
import type { ScanCounts } from './scan/scan-types.ts'
import type { Overlaps } from './slice-spool.ts'
import type { TraceFacts } from './trace-facts.ts'

/** One file of a profile, read. */
export interface ReadFile {
  readonly path: string
  readonly facts: TraceFacts
  readonly counts: ScanCounts
  readonly damage: string | null
  /** The first time in it, whole µs on its clock; null where it has none. */
  readonly firstUs: number | null
  /** Slices of it in the run. */
  readonly rows: number
  readonly implausible: Implausible
  readonly overlaps: (Overlaps & { readonly names: readonly [name: string, before: string] }) | null
  /** The rank whose work it shows; null for a front end, or where it is not known. */
  readonly rank: number | null
}

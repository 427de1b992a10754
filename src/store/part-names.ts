/**
 * The numbers of a sealed table's parts (`part-<shard>-<number>.parquet`). Rows of a shard have 0. Rows that are read
 * or computed once for the whole run are in parts beside them; each writer has its own number, so that none replaces
 * another's rows.
 */
const PART_NUMBERS = { rows: 0, stepLinks: 1, profile: 2, inferredLinks: 3, importedProfile: 4 } as const

export type PartWriter = keyof typeof PART_NUMBERS

/** The file of a writer's rows; all but a shard's own are of the whole run. */
export function partName(writer: PartWriter, shard = 0): string {
  return `part-${shard}-${PART_NUMBERS[writer]}.parquet`
}

/** Whether a file in a table's folder is a part of it. */
export function isPartName(name: string): boolean {
  return /^part-\d+-\d+\.parquet$/.test(name)
}

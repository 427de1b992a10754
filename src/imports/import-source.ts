import type { ImportId } from './registry.ts'
import type { RunWriter } from './run-writer.ts'

/** What an import is made of: the format that took the path, and how it is read. */
export interface ImportSource {
  readonly format: ImportId
  /** For run.json, beside the format. */
  readonly config: Record<string, unknown>
  /** Reads it into a run; returns the files that were read. */
  read(run: RunWriter): Promise<readonly string[]>
}

/** What a path should have been, for errors. */
export const EXPECTED = "a profile's JSON, a load tool's results or CSV"

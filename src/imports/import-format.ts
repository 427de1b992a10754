import type { CsvFile } from './csv-file.ts'
import type { FormatId } from './format-abouts.ts'
import type { RunWriter } from './run-writer.ts'

/** One foreign format: how its files are told from others, and how they become a run. */
export interface ImportFormat {
  readonly id: FormatId
  /** Whether a file's header is of this format. */
  detect(file: CsvFile): boolean
  /** Reads all files, in order, into one run; calls `setEpoch` before the first row. */
  read(files: readonly CsvFile[], run: RunWriter): Promise<void>
}

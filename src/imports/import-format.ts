import type { TableName } from '../trace/tables.ts'
import type { CsvFile } from './csv-file.ts'
import type { ImportInput } from './import-input.ts'
import type { ResultFile } from './results/result-file.ts'
import type { RunWriter } from './run-writer.ts'

/** How far the reading of traces has come. */
export interface TraceProgress {
  readonly file: string
  /** Bytes of all files read, and to read; packed ones as they lie. */
  readonly done: number
  readonly total: number
}

export interface ImportOptions {
  /** Keep Python functions of a profile. */
  readonly stacks: boolean
  /** Keep the args of each event of a profile. */
  readonly args: boolean
  /** A bad row of a load tool's results, or of a CSV file, is an error. */
  readonly strict: boolean
  readonly onProgress: (progress: TraceProgress) => void
  /** The folder of all traces that a tracer's folder lies in: its place there names the model. */
  readonly outputsRoot?: string
}

/** CSV files, known by their header; a folder's files are read into one run if they are all of one format. */
export interface CsvReader {
  /** Whether a file's header is of this format. */
  detect(file: CsvFile): boolean
  /** Reads all files, in order, into one run; calls `setEpoch` before the first row. */
  read(files: readonly CsvFile[], run: RunWriter): Promise<void>
}

/** One file of a load tool, known by its beginning. */
export interface ResultReader {
  /** The tool and the version whose files are read. */
  readonly reads: string
  /** Whether a file that begins so is of this format, in whatever version. */
  detect(head: string): boolean
  /** The version that wrote a file that begins so, where the file says it. */
  version?(head: string): string | null
  /** Reads the file into one run; calls `setEpoch` before the first row. */
  read(file: ResultFile, run: RunWriter): Promise<void>
}

/** A format that looks for its files itself, also below a folder. */
export interface FolderReader {
  /** The files or folders of this format; none: the path is of another. */
  find(input: ImportInput): Promise<readonly string[]>
  /** Reads what was found into one run; returns the files that were read. */
  read(found: readonly string[], run: RunWriter, options: ImportOptions, input: ImportInput): Promise<readonly string[]>
}

/** How a format is recognized, and what reads it. */
export interface Readers {
  readonly folder: FolderReader
  readonly result: ResultReader
  readonly csv: CsvReader
}
export type ImportKind = keyof Readers

/** One foreign format: its words, and how to load what reads it. */
export interface ImportFormat<K extends ImportKind = ImportKind> {
  readonly kind: K
  /** One line for the help, errors and docs. */
  readonly about: string
  /** Tables whose row counts `import` reports. */
  readonly shown: readonly TableName[]
  readonly load: () => Promise<Readers[K]>
}

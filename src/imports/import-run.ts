import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { errorCode, errorText, LayerlineError } from '../base/errors.ts'
import { firstBytes, refuseForeign } from '../base/foreign-file.ts'
import type { RunJson } from '../trace/run-json.ts'
import { CsvFile } from './csv-file.ts'
import { FORMAT_ABOUTS } from './format-abouts.ts'
import type { ImportFormat } from './import-format.ts'
import { importTracerFolders } from './kernel-tracer/import-folders.ts'
import { tracerPlaces } from './kernel-tracer/tracer-folder.ts'
import { TraceImport, type TraceProgress } from './kineto/import-trace.ts'
import { isJson, isTrace } from './kineto/sniff.ts'
import { IMPORTS } from './registry.ts'
import { importResults, RESULTS } from './results/import-results.ts'
import { RunWriter } from './run-writer.ts'

export interface ImportedRun {
  readonly folder: string
  readonly format: string
  readonly files: readonly string[]
  readonly run: RunJson
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

export const PLAIN: ImportOptions = { stacks: false, args: false, strict: false, onProgress: () => {} }

const EXPECTED = "a profile's JSON, a load tool's results or CSV"

/**
 * Makes a sealed run of a foreign file, or of the files of a folder, which must be of one format. Throws
 * `input/import-*` with file and line where it cannot; a run half made is removed.
 */
export async function importRun(
  path: string,
  out: string | undefined,
  options: ImportOptions = PLAIN,
): Promise<ImportedRun> {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true
  if (isFile) refuseForeign(path, firstBytes(path), 'input/import-format', EXPECTED, ['gzip', 'zstd'])
  const results = await importResults(path, out, options.strict)
  if (results !== null) return results
  const places = existsSync(path) ? tracerPlaces(resolve(path)) : []
  if (places.length > 0) return importTracer(resolve(path), places, out, options)
  const { csv, json, isFolder } = filesOf(path)
  const traces: string[] = []
  for (const file of json) if (await isTrace(file)) traces.push(file)
  if (traces.length === 0) {
    // What is packed is no profile, then; of a folder the first file speaks for the others.
    for (const file of [...csv, ...json].slice(0, isFolder ? undefined : 1)) {
      refuseForeign(file, firstBytes(file), 'input/import-format', EXPECTED)
    }
  }
  if (!isFolder && traces.length === 0 && csv[0] !== undefined && (await isJson(csv[0]))) {
    throw new LayerlineError(
      'input/import-format',
      `${csv[0]}: no list of trace events in it, and no load tool's results`,
      {
        hint: `expected JSON with "traceEvents": [ … ], or a list of events, as the PyTorch profiler writes it; or ${RESULTS.map(({ id }) => FORMAT_ABOUTS[id]).join(', ')}`,
      },
    )
  }
  if (traces.length > 0) return importTraces(traces, json.length - traces.length, out, options)
  const files = csv.map((each) => new CsvFile(each, options.strict))
  const format = formatOf(path, files)
  const run = await RunWriter.create(out, { format: format.id, files: csv })
  try {
    await format.read(files, run)
    return { folder: run.folder, format: format.id, files: csv, run: await run.finish() }
  } catch (error) {
    run.abandon()
    throw error
  }
}

async function importTracer(
  root: string,
  places: readonly string[],
  out: string | undefined,
  options: ImportOptions,
): Promise<ImportedRun> {
  const { stacks, args } = options
  const run = await RunWriter.create(out, { format: 'kernel-tracer', stacks, args })
  try {
    const files = await importTracerFolders(root, places, run, options)
    run.describe({}, { files })
    return { folder: run.folder, format: 'kernel-tracer', files, run: await run.finish() }
  } catch (error) {
    run.abandon()
    throw error
  }
}

async function importTraces(
  paths: readonly string[],
  others: number,
  out: string | undefined,
  options: ImportOptions,
): Promise<ImportedRun> {
  const { stacks, args } = options
  const run = await RunWriter.create(out, { format: 'kineto', files: paths, stacks, args })
  let reading: TraceImport | null = null
  try {
    reading = await TraceImport.open(run, { stacks, args })
    const total = paths.reduce((sum, path) => sum + statSync(path).size, 0)
    let before = 0
    for (const path of paths) {
      const file = basename(path)
      await reading.read(path, (done) => options.onProgress({ file, done: before + done, total }))
      before += statSync(path).size
    }
    await reading.finish()
    if (others > 0) run.note('note', 'import', `${others} JSON files beside them are no traces, and were left`)
    return { folder: run.folder, format: 'kineto', files: paths, run: await run.finish() }
  } catch (error) {
    run.abandon()
    throw error
  } finally {
    reading?.close()
  }
}

/** The files to read, by kind; a single file counts as either. */
function filesOf(pathAsGiven: string): { csv: string[]; json: string[]; isFolder: boolean } {
  const path = resolve(pathAsGiven)
  try {
    if (!statSync(path).isDirectory()) return { csv: [path], json: [path], isFolder: false }
  } catch (error) {
    const missing = errorCode(error) === 'ENOENT'
    throw new LayerlineError('input/import-missing', `${pathAsGiven}: ${missing ? 'no such file' : errorText(error)}`, {
      cause: error,
    })
  }
  const named = (pattern: RegExp) =>
    readdirSync(path)
      .filter((name) => pattern.test(name))
      .sort(byNumber)
      .map((name) => join(path, name))
  const csv = named(/\.csv$/i)
  const json = named(/\.json(\.gz|\.zst)?$/i)
  if (csv.length + json.length === 0) {
    throw new LayerlineError('input/import-missing', `${pathAsGiven}: no CSV or JSON files in this folder`)
  }
  return { csv, json, isFolder: true }
}

/** rank2 before rank10. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function formatOf(path: string, files: readonly CsvFile[]): ImportFormat {
  let found: { format: ImportFormat; file: CsvFile } | null = null
  for (const file of files) {
    const format = IMPORTS.find(({ detect }) => detect(file))
    if (format === undefined) {
      if (file.columns.join('') === '')
        throw new LayerlineError('input/import-format', `${file.path}: the file is empty`)
      throw new LayerlineError(
        'input/import-format',
        `${file.path}:1: no format that we read has this header: ${file.columns.join(',').slice(0, 120)}`,
        { hint: `expected ${IMPORTS.map(({ id }) => FORMAT_ABOUTS[id]).join('; ')}` },
      )
    }
    if (found !== null && found.format !== format) {
      throw new LayerlineError(
        'input/import-format',
        `${found.file.path} is ${found.format.id}, ${file.path} is ${format.id}; expected files of one format`,
        { hint: 'import one of the files, or a folder that has only one kind' },
      )
    }
    found = { format, file }
  }
  if (found === null)
    throw new LayerlineError('input/import-missing', `${path}: no file in it that we read`, {
      hint: 'expected traces of a profiler, or CSV files; a run of Layerline is read as it is: `layerline report`',
    })
  return found.format
}

import { LayerlineError } from '../base/errors.ts'
import { firstBytes, refuseForeign } from '../base/foreign-file.ts'
import { CsvFile } from './csv-file.ts'
import type { CsvReader, ImportOptions } from './import-format.ts'
import type { ImportInput } from './import-input.ts'
import { EXPECTED, type ImportSource } from './import-source.ts'
import { isJson } from './kineto/sniff.ts'
import { aboutImports, type ImportId, readersOf } from './registry.ts'

type Known = readonly [ImportId, CsvReader]

/** CSV files of one format; used when no other format took the path. Throws `input/import-*` for other files. */
export async function csvSource(input: ImportInput, { strict }: ImportOptions): Promise<ImportSource> {
  const { csv, json } = input.files()
  // A packed file is not a profile then; for a single path, that file's error is reported.
  const isFolder = csv[0] !== input.root
  for (const file of [...csv, ...json].slice(0, isFolder ? undefined : 1)) {
    refuseForeign(file, firstBytes(file), 'input/import-format', EXPECTED)
  }
  if (!isFolder && csv[0] !== undefined && (await isJson(csv[0]))) {
    throw new LayerlineError(
      'input/import-format',
      `${csv[0]}: no list of trace events in it, and no load tool's results`,
      {
        hint: `expected JSON with "traceEvents": [ … ], or a list of events, as the PyTorch profiler writes it; or ${aboutImports('result').join(', ')}`,
      },
    )
  }
  const files = csv.map((each) => new CsvFile(each, strict))
  const [id, format] = formatOf(input.given, files, await readersOf('csv'))
  return {
    format: id,
    config: { files: csv },
    async read(run) {
      await format.read(files, run)
      return csv
    },
  }
}

function formatOf(path: string, files: readonly CsvFile[], formats: readonly Known[]): Known {
  let found: { known: Known; file: CsvFile } | null = null
  for (const file of files) {
    const known = formats.find(([, { detect }]) => detect(file))
    if (known === undefined) {
      if (file.columns.join('') === '')
        throw new LayerlineError('input/import-format', `${file.path}: the file is empty`)
      throw new LayerlineError(
        'input/import-format',
        `${file.path}:1: no format that we read has this header: ${file.columns.join(',').slice(0, 120)}`,
        {
          hint: `expected ${aboutImports('csv').join('; ')}`,
        },
      )
    }
    if (found !== null && found.known[0] !== known[0]) {
      throw new LayerlineError(
        'input/import-format',
        `${found.file.path} is ${found.known[0]}, ${file.path} is ${known[0]}; expected files of one format`,
        { hint: 'import one of the files, or a folder that has only one kind' },
      )
    }
    found = { known, file }
  }
  if (found === null)
    throw new LayerlineError('input/import-missing', `${path}: no file in it that we read`, {
      hint: 'expected traces of a profiler, or CSV files; a run of Layerline is read as it is: `layerline report`',
    })
  return found.known
}
